"""The rules, pure: events in, records out. No input or output, no clock of the machine, no chance.

In: events in order of arrival. Out: a record for each search and session that ends, and counts.

- `events` has the vocabulary, records included; `rules` has the options (R1 to R15 are in
  `docs/rules.md`).
- `table` is the state machine: state and event give actions and the next state. `machine`
  compiles it, `actions` says what each action does, `session` is one user's state, `by_id` a
  session with several open searches (R13), `refinement` recognizes typing (R14).
- `shard` runs the sessions of many users and has the log's clock (R7); `ledger` collects what
  ends; `pages` joins pages of results (R5).
- `ordering` sorts events and `interleaving` merges those of several files (R1), before they get
  there; `exclusion` drops users, `volume` counts the searches of each, `filters` choose searches.

Start with `table`, then `shard.Shard.feed`.
"""
