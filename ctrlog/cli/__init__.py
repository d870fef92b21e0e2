"""The command line: one module a command, options declared once.

In: arguments. Out: calls into the other rooms, and an exit code.

- `app` is the group of commands; it imports a command's module when that command is called.
- `run`, `summary`, `explain`, `check`, `simulate`, `schema`, `checkpoint` and `spark` are the commands.
- `options` declares every option that several commands share; `runner` opens what a command reads and
  writes; `exit_codes` turns errors into messages and codes.

Nothing outside this room imports typer. Start with `app`, then the module of the command.
"""
