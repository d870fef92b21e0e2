"""Mergeable sums over searches and sessions, and the summary made from them.

In: records of searches and sessions. Out: totals, intervals, quantiles and groups. Each statistic
has `update` and `merge`, and merging parts gives what one pass would have given.

- `totals` has the counts behind every headline; `intervals` and `sketches` are the statistics it
  uses.
- `groups` keeps one total a group, bounded in number; `order` is what they can be sorted by.
- `user_limit` holds back each user's part until it is known who exceeds `--max-user-searches`.
- `summary` is what `ctrlog summary` shows, as data.

Start with `totals.Metrics`. `docs/metrics.md` defines each number.
"""
