"""Several processes on one log, with the bytes that one would write.

In: a log cut into ranges. Out: the records of all ranges in the order of the log; `docs/jobs.md`
explains how ranges are joined.

- `ranges` cuts logs, `processes` starts workers, `worker` runs one range, `journal` keeps its
  results on disk.
- `range_shard` is the shard of a range whose beginning is unknown, `pieces` its results,
  `joining_shard` joins them, `reader` hands them to the pipeline in order.
- `cores` counts the processors that may be used.

Start with `processes.shared`.
"""
