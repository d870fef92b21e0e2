"""The command line: one module a command, options declared once.

In: arguments. Out: calls into the other rooms, and an exit code.

- `app` has `run`, `summary`, `explain` and `checkpoint`; `check`, `simulate`, `schema` and
  `spark` have the commands of these names.
- `options` declares every option that several commands share; `runner` opens what a command reads
  and writes; `exit_codes` turns errors into messages and codes.

Nothing outside this room imports typer. Start with `app`, then the module of the command.
"""
