"""The metrics against SQL: over ctrlog's records, and over the raw log with none of ctrlog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import reference
import strategies
from expected_metrics import of_records
from hypothesis import given, settings
from pipelines import Outcome, run

from ctrlog.metrics.groups import Grouping, Groups
from ctrlog.metrics.summary import search_values
from ctrlog.outputs.records import Format, Per, make_sink
from ctrlog.simulate.scenario import Scenario
from ctrlog.simulate.simulation import Simulation

duckdb: Any = pytest.importorskip("duckdb")

#: A lifelike log.
SHOP = Scenario(events=20_000, users=400)
SPOILT = replace(SHOP, orphans=0.03, bad_lines=0.01)
#: Visits follow one another closely.
MUCH_USED = replace(SPOILT, days=0.2)


def simulated(scenario: Scenario, seed: int) -> bytes:
    """Return a log of a scenario, with a seed of its own."""
    return b"".join(Simulation(replace(scenario, seed=seed)).blocks())


def rows_of(sql: str, **files: Path) -> list[dict[str, Any]]:
    """Run SQL, with the paths of files put in, and return its rows."""
    connection = database()
    cursor = connection.execute(sql.format(**files))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@cache
def database() -> Any:
    """Return a database in memory, whose lines stay in the order of the file."""
    return duckdb.connect(config={"threads": 1})


def assert_equal(values: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare what SQL gave, floats with a tolerance for the order of sums."""
    for name, value in expected.items():
        if value is None:
            assert values[name] is None, name
        elif name.endswith(("_p50", "_p90")):
            nearly = pytest.approx(max(0, value), rel=0.001 + 1e-9, abs=1e-6)
            assert values[name] == nearly, name
        else:
            assert values[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


# --- Over the records, as ctrlog writes them.

SEARCHES = """
    read_json('{searches}', format = 'newline_delimited', columns = {{
        'user': 'VARCHAR', 'query': 'VARCHAR', 'results': 'BIGINT', 'clicks': 'BIGINT',
        'first_rank': 'BIGINT', 'first_click_s': 'DOUBLE', 'closed_by': 'VARCHAR',
        'followed': 'BOOLEAN'
    }})
"""
SESSIONS = """
    read_json('{sessions}', format = 'newline_delimited', columns = {{
        'user': 'VARCHAR', 'searches': 'BIGINT', 'clicked_searches': 'BIGINT',
        'session_start': 'VARCHAR', 'session_end': 'VARCHAR'
    }})
"""
SEARCH_METRICS = """
    count(*) AS searches,
    count(*) FILTER (clicks > 0) AS clicked_searches,
    avg((clicks > 0)::INT) AS ctr,
    coalesce(sum(clicks), 0)::BIGINT AS clicks,
    avg(clicks) AS clicks_per_search,
    count(*) FILTER (results > 0) AS with_results,
    count(*) FILTER (results = 0) AS zero_results,
    avg((results = 0)::INT) FILTER (results IS NOT NULL) AS zero_result_rate,
    count(*) FILTER (results > 0 AND clicks = 0 AND NOT followed) AS abandoned,
    avg((clicks = 0 AND NOT followed)::INT) FILTER (results > 0) AS abandonment_rate,
    count(*) FILTER (clicks = 0 AND followed) AS reformulated,
    avg((clicks = 0 AND followed)::INT) AS reformulation_rate,
    avg(coalesce(1 / first_rank, 0)) FILTER (results IS NOT NULL) AS mrr,
    avg(coalesce(1 / first_rank, 0)) FILTER (
        clicks > 0 AND (first_rank IS NOT NULL OR results IS NOT NULL)
    ) AS mrr_clicked,
    avg((first_rank = 1)::INT) AS first_click_at_1,
    avg((first_rank <= 3)::INT) AS first_click_in_top_3
"""
SESSION_METRICS = "count(*) AS sessions, avg(searches) AS searches_per_session"
SELECT = "SELECT {columns} FROM {table}"
QUANTILES = """
    SELECT
        any_value(value) FILTER (place = (count - 1) // 2) AS {name}_p50,
        any_value(value) FILTER (place = 9 * (count - 1) // 10) AS {name}_p90
    FROM (
        SELECT value, row_number() OVER (ORDER BY value) - 1 AS place, count(*) OVER () AS count
        FROM (SELECT {value} AS value FROM {table}) WHERE value IS NOT NULL
    )
"""
CLUSTERED = """
    SELECT
        count(*) AS users,
        CASE WHEN any_value(differ) THEN greatest(0, any_value(share) - 1.959963984540054 * sqrt(
            count(*) / (count(*) - 1) * sum((x - share * n) ** 2) / sum(n) ** 2
        )) END AS ctr_low_clustered,
        CASE WHEN any_value(differ) THEN least(1, any_value(share) + 1.959963984540054 * sqrt(
            count(*) / (count(*) - 1) * sum((x - share * n) ** 2) / sum(n) ** 2
        )) END AS ctr_high_clustered
    FROM (
        SELECT x, n, all_x / all_n AS share,
            bool_or(x * all_n <> n * all_x) OVER () AS differ
        FROM (
            SELECT x, n, sum(x) OVER () AS all_x, sum(n) OVER () AS all_n FROM (
                SELECT sum(clicked_searches) AS x, sum(searches) AS n FROM {table} GROUP BY user
            )
        )
    )
"""
LENGTH_S = "(epoch_us(session_end::TIMESTAMP) - epoch_us(session_start::TIMESTAMP)) / 1e6"
QUERIES_OF_RECORDS = [
    SELECT.format(columns=SEARCH_METRICS, table=SEARCHES),
    SELECT.format(columns=SESSION_METRICS, table=SESSIONS),
    CLUSTERED.format(table=SESSIONS),
    QUANTILES.format(name="first_click_s", value="first_click_s", table=SEARCHES),
    QUANTILES.format(name="session_s", value=LENGTH_S, table=SESSIONS),
]


def written(outcome: Outcome, folder: str) -> dict[str, Path]:
    """Write the records of a run as JSON lines, as `ctrlog run` does."""
    files = {"searches": Path(folder, "searches.jsonl"), "sessions": Path(folder, "sessions.jsonl")}
    files["searches"].write_bytes(make_sink(Format.JSONL, Per.SEARCH).lines(outcome.searches))
    files["sessions"].write_bytes(make_sink(Format.JSONL, Per.SESSION).lines(outcome.sessions))
    return files


def assert_as_in_sql(logs: Sequence[bytes], options: reference.Options) -> None:
    """Compare every metric that is a number."""
    outcome = run(logs, options)
    values = of_records(outcome.searches, outcome.sessions)
    told: set[str] = set()
    with TemporaryDirectory() as folder:
        files = written(outcome, folder)
        for sql in QUERIES_OF_RECORDS:
            (row,) = rows_of(sql, **files)
            assert_equal(values, row)
            told |= set(row)
    not_told = {"ctr_low", "ctr_high", "users_exact", "clustered_by", "first_ranks", "closed_by"}
    assert told == set(values) - not_told


@settings(max_examples=60)
@given(strategies.several_logs(), strategies.options())
def test_sql_over_the_records_gives_every_metric_of_random_logs(
    logs: list[bytes], options: reference.Options
) -> None:
    """What DuckDB computes from `ctrlog run`'s output is what the metrics are."""
    assert_as_in_sql(logs, options)


@pytest.mark.parametrize(
    "scenario",
    [SHOP, SPOILT, replace(SPOILT, disorder=0.1), MUCH_USED],
    ids=["clean", "spoilt", "in disorder", "much used"],
)
def test_sql_over_the_records_gives_every_metric_of_lifelike_logs(scenario: Scenario) -> None:
    """The same of logs as shops have them, clean and not."""
    assert_as_in_sql([simulated(scenario, seed=2)], reference.Options())


def test_sql_grouped_by_query_gives_every_group() -> None:
    """A group of ctrlog's is a row of GROUP BY, with all its metrics."""
    outcome = run([simulated(SPOILT, seed=2)])
    groups = Groups(Grouping(("query",)).key_of(()), 100_000)
    groups.update(outcome.searches)
    found = {group.key[0]: search_values(group.metrics) for group in groups.groups()}
    with TemporaryDirectory() as folder:
        sql = SELECT.format(columns=f"query, {SEARCH_METRICS}", table=SEARCHES)
        rows = rows_of(f"{sql} GROUP BY query", **written(outcome, folder))
    assert {row["query"] for row in rows} == set(found)
    for row in rows:
        assert_equal(found[row.pop("query")], row)


# --- Over the raw log: sessions drawn with window functions, as people do it in SQL.

FROM_SCRATCH = """
WITH lines AS (
    SELECT *, row_number() OVER () AS line
    FROM read_json('{log}', format = 'newline_delimited', ignore_errors = true, columns = {{
        'type': 'VARCHAR', 'user': 'VARCHAR', 'time': 'VARCHAR', 'items': 'VARCHAR[]'
    }})
),
events AS (
    SELECT line, type, user, items, try_cast(time AS TIMESTAMP) AS time
    FROM lines
    WHERE type IS NOT NULL AND regexp_full_match(user, '[0-9]+')
        AND try_cast(time AS TIMESTAMP) IS NOT NULL
),
marked AS (
    SELECT *,
        coalesce(time - lag(time) OVER by_user > INTERVAL 30 MINUTE, true)
        OR lag(type) OVER by_user IN ('AppClose', 'Timeout') AS starts_session
    FROM events
    WINDOW by_user AS (PARTITION BY user ORDER BY line)
),
in_sessions AS (
    SELECT *, sum(starts_session::INT) OVER (PARTITION BY user ORDER BY line) AS session
    FROM marked
),
in_searches AS (
    SELECT *,
        sum((type = 'Search')::INT) OVER (PARTITION BY user, session ORDER BY line) AS search
    FROM in_sessions
),
searches AS (
    SELECT user, session, search,
        count(*) FILTER (type = 'ClickResult') AS clicks,
        sum(len(items)) FILTER (type = 'Results') AS results,
        search = max(search) OVER (PARTITION BY user, session) AS is_last
    FROM in_searches
    WHERE search > 0
    GROUP BY user, session, search
)
SELECT
    count(*) AS searches,
    count(*) FILTER (clicks > 0) AS clicked_searches,
    avg((clicks > 0)::INT) AS ctr,
    sum(clicks)::BIGINT AS clicks,
    sum(clicks) / count(*) AS clicks_per_search,
    count(*) FILTER (results > 0) AS with_results,
    count(*) FILTER (results = 0) AS zero_results,
    avg((results = 0)::INT) AS zero_result_rate,
    count(*) FILTER (results > 0 AND clicks = 0 AND is_last) AS abandoned,
    count(*) FILTER (clicks = 0 AND NOT is_last) AS reformulated,
    count(DISTINCT (user, session)) AS sessions,
    count(*) / count(DISTINCT (user, session)) AS searches_per_session,
    count(DISTINCT user) AS users
FROM searches
"""


@pytest.mark.parametrize(
    "scenario", [SHOP, SPOILT, MUCH_USED], ids=["clean", "spoilt", "much used"]
)
def test_sessions_drawn_in_sql_alone_give_the_same(tmp_path: Path, scenario: Scenario) -> None:
    """Window functions over the raw log agree: pauses over 30 minutes, AppClose and Timeout."""
    log = simulated(scenario, seed=5)
    path = tmp_path / "log.jsonl"
    path.write_bytes(log)
    (row,) = rows_of(FROM_SCRATCH, log=path)
    outcome = run([log])
    assert row["searches"] > 3_000
    assert row["zero_results"] > 100
    assert_equal(of_records(outcome.searches, outcome.sessions), row)
