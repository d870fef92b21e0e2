"""One run: read, decode, sessionize, collect, and stop and resume.

In: settings and names of logs. Out: records or a summary, and a checkpoint.

- `settings` has the options that describe a log and a run; `pipeline` is the way of a line
  through them.
- `api` is what `import ctrlog` offers for whole logs.
- `collect` turns what ends into output lines or sums.
- `checkpoint` stores the state of a run in a file, `locks` keeps two runs apart, `resume`
  continues a run, `checkpoint_view` shows what a checkpoint holds.
- `parallel` shares one large log between processes.

Start with `pipeline.Pipeline.run`.
"""
