"""A simulated log, and the truth about it.

In: a scenario (how long, how many users, how noisy). Out: a log like a real one, the same bytes on every
machine, and the numbers that `ctrlog summary` should find in it.

- `scenario` has the options; `simulation` runs it, `arrivals` decides who comes when, `user_model` what
  they do, `click_model` what they click, `catalogue` what there is to find.
- `draws` makes reproducible random numbers; `noise` adds late and malformed lines; `truth` counts.

Start with `simulation.Simulation`. `docs/simulation.md` has the models and their sources.
"""
