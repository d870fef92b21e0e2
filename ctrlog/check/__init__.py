"""`ctrlog check`: can this log be believed?

In: logs. Out: findings, each with what was found, why it matters and what to do about it.

- `scan` reads the log with the schema that `match` finds, and feeds `tally`.
- `tally` counts, `traces` and `by_id` remember searches and users, `fields` lists what fields
  there are.
- `model` holds what is known at the end; `findings` turns it into findings with `log_findings`,
  `search_findings` and `click_findings`.
- `page` writes the findings as text or JSON.

Start with `scan.check`. To add a finding, write a function in one of the three `*_findings`
modules.
"""
