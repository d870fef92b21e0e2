"""Bytes, words and tables out.

In: records, a summary, messages. Out: files that are complete or untouched, text for people.

- `files` opens outputs, `signals` keeps an interrupt from cutting a line, `console` writes
  messages and progress.
- `records` writes a line per record in each format.
- `summary_formats` writes a summary as data, `summary_screen` draws it, `words`, `phrases`,
  `notes` and `advice` phrase it; `formats` names the formats.
- `explain` writes one user's events with the rules that applied.

Start with `records.make_sink` or `summary_formats.render`.
"""
