"""Simulated logs and the metrics that are true of them.

In: a scenario (length, users, noise). Out: a log like a real one, the same bytes on every machine,
and the numbers that `ctrlog summary` should find in it.

- `scenario` has the parameters, and `simulation` runs them.
- `arrivals` has the times and users of visits, `user_model` the acts of a visit, `click_model` the
  clicks on a page, and `catalogue` the queries and their items.
- `draws` makes reproducible random numbers, `noise` adds late and malformed lines, and `truth`
  counts the metrics.

Start with `simulation.Simulation`. `docs/simulation.md` describes the models and their sources.
"""
