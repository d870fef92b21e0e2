"""ctrlog on Bytewax and Spark: the same rules, run by somebody else's scheduler.

In: partitions of logs (files, topics, folders of an archive). Out: the records and the summary
that `ctrlog run` and `ctrlog summary` give for the same lines; `docs/cluster.md` says where that
holds.

- `partitioning` splits a log by user, so that several shards do the work of one.
- `bytewax_flow` is the dataflow; `bytewax_sources`, `bytewax_readers` and `bytewax_sinks` are its
  ends.
- `spark_job` is the job; `spark_stages` runs on the workers, `spark_output` writes the folders.

Start with `bytewax_flow.flow` or `spark_job.search`. Both need an extra: `ctrlog[bytewax]`,
`ctrlog[spark]`.
"""
