"""Bytes in: files, archives, pipes, and logs that grow and rotate.

In: paths, or `-`. Out: blocks of whole lines, and for each log the position up to which it was
read.

- `content` reads a file or pipe, `compression` unpacks it, `lines` cuts it at newlines.
- `reader` reads several inputs one after the other; `follow` waits for more, as `tail -F` does.
- `position` identifies a log and a place in it; `beside` lists the files beside a log,
  `rotation` finds a log again among them that was renamed, copied or compressed, and
  `succession` the logs that came between; `resume` matches logs to the positions of an earlier
  run.
- `preview` looks at the first lines without consuming them.

Nothing here knows what a line means. Start with `reader.InTurn.read`.
"""
