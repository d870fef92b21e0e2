"""ctrlog measured against what else does its job: `python -m benchmarks` writes RESULTS.md.

A contestant is a program, called with a job, a log and the file to write to:

    CONTESTANT summary LOG OUTPUT    writes a JSON object with the numbers of `answers.NUMBERS`
    CONTESTANT run LOG OUTPUT        writes CSV, a row a search, with the columns of `ctrlog run`

The log has ctrlog's own field names, integers as users, times in milliseconds with a Z, and is in
order of time, no two events of a user at the same time; it is compressed if it ends in `.gz`. Rows
may be in any order. The programs of all but ctrlog itself are in `peers`. They are written to be
fast, and whoever makes one faster is welcome.
"""
