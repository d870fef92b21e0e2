"""The job in DuckDB's SQL: sessions are drawn with window functions."""

import json
import sys
from pathlib import Path

import duckdb

# The columns are named with their types, so that nothing is guessed, and only those are read that a
# job needs. Lists are read as JSON text, which is cheaper to carry along than the lists.
LOG = """
    read_json('{log}', format = 'newline_delimited', columns = {{
        'type': 'VARCHAR', 'user': 'INTEGER', 'time': 'TIMESTAMP', 'query': 'VARCHAR',
        'items': 'JSON', 'item': 'VARCHAR', 'rank': 'INTEGER'
    }})
"""

# A part is a search with what follows it, or what comes in a session before its first search.
PARTS = """
    marked AS (
        SELECT *,
            coalesce(
                lag(ended_by) OVER by_user IS NOT NULL
                OR time - lag(time) OVER by_user > INTERVAL 30 MINUTE, true
            ) AS starts_session,
            coalesce(
                ended_by IS NOT NULL
                OR lead(time) OVER by_user - time > INTERVAL 30 MINUTE, true
            ) AS ends_session,
            lead(time) OVER by_user IS NULL AS ends_user
        FROM events
        WINDOW by_user AS (PARTITION BY user ORDER BY time)
    ),
    in_parts AS (
        SELECT *,
            count(*) FILTER (starts_session OR is_search) OVER so_far AS part,
            max(time) FILTER (starts_session) OVER so_far AS session_start
        FROM marked
        WINDOW so_far AS (PARTITION BY user ORDER BY time ROWS UNBOUNDED PRECEDING)
    )
"""

SUMMARY = f"""
WITH
    events AS (
        SELECT user, time,
            type = 'Search' AS is_search,
            type = 'ClickResult' AS is_click,
            CASE WHEN type IN ('AppClose', 'Timeout') THEN true END AS ended_by,
            json_array_length(items) AS shown
        FROM {LOG}
    ),
    {PARTS},
    parts AS (
        SELECT user,
            count(*) AS part_events,
            bool_or(is_search) AS is_search,
            count(*) FILTER (is_click) AS part_clicks,
            max(shown) AS shown,
            bool_or(ends_session) AS is_last,
            epoch_ms(min(time) FILTER (is_click) - min(time) FILTER (is_search)) / 1000
                AS first_click_s
        FROM in_parts
        GROUP BY user, part
    )
SELECT
    sum(part_events)::BIGINT AS events,
    count(DISTINCT user) FILTER (is_search) AS users,
    count(*) FILTER (is_search AND is_last) AS sessions,
    count(*) FILTER (is_search) AS searches,
    count(*) FILTER (is_search AND part_clicks > 0) AS clicked_searches,
    clicked_searches / searches AS ctr,
    (sum(part_clicks) FILTER (is_search))::BIGINT AS clicks,
    clicks / searches AS clicks_per_search,
    count(*) FILTER (is_search AND shown > 0) AS with_results,
    count(*) FILTER (is_search AND shown = 0) AS zero_results,
    count(*) FILTER (is_search AND shown > 0 AND part_clicks = 0 AND is_last) AS abandoned,
    count(*) FILTER (is_search AND part_clicks = 0 AND NOT is_last) AS reformulated,
    quantile_disc(first_click_s, 0.5) AS first_click_s_p50,
    quantile_disc(first_click_s, 0.9) AS first_click_s_p90
FROM parts
"""

# Text that belongs to one type of event each goes through the sorts as one column.
RUN = f"""
COPY (
    WITH
        events AS (
            SELECT user, time, rank,
                type = 'Search' AS is_search,
                type = 'ClickResult' AS is_click,
                CASE type WHEN 'AppClose' THEN 'close' WHEN 'Timeout' THEN 'timeout' END
                    AS ended_by,
                json_array_length(items) AS shown,
                coalesce(query, item, items::VARCHAR) AS text
            FROM {LOG}
        ),
        {PARTS},
        searches AS (
            SELECT user, part,
                any_value(text) FILTER (is_search) AS query,
                min(time) FILTER (is_search) AS time,
                any_value(session_start) AS session_start,
                sum(shown) AS results,
                count(*) FILTER (is_click) AS clicks,
                min(time) FILTER (is_click) AS first_click,
                arg_min(text, time) FILTER (is_click) AS item,
                arg_min_null(rank, time) FILTER (is_click) AS rank,
                bool_or(ends_session) AS is_last,
                bool_or(ends_user) AS ends_user,
                max(ended_by) AS ended_by,
                max(time) AS latest
            FROM in_parts
            GROUP BY user, part
            HAVING bool_or(is_search)
        ),
        places AS (
            SELECT user, part, min(nullif(place, 0) + shown_before) AS place
            FROM (
                SELECT user, part,
                    list_position(from_json(pages.text, '["VARCHAR"]'), searches.item) AS place,
                    sum(shown) OVER (PARTITION BY user, part ORDER BY pages.time) - shown
                        AS shown_before
                FROM in_parts AS pages
                JOIN searches USING (user, part)
                WHERE pages.shown > 0 AND pages.time <= searches.first_click
                    AND searches.rank IS NULL
            )
            GROUP BY user, part
        )
    SELECT
        (clicks > 0)::DOUBLE AS ctr, user, query, results, clicks,
        coalesce(rank, place) AS first_rank,
        epoch_ms(first_click - time) / 1000 AS first_click_s,
        time, session_start,
        CASE
            WHEN NOT is_last THEN 'search'
            WHEN ended_by IS NOT NULL THEN ended_by
            WHEN ends_user AND (SELECT max(time) FROM in_parts) - latest <= INTERVAL 35 MINUTE
                THEN 'end'
            ELSE 'gap'
        END AS closed_by,
        NOT is_last AS followed
    FROM searches LEFT JOIN places USING (user, part)
) TO '{{output}}' (FORMAT csv)
"""


def main(job: str, log: str, output: str) -> None:
    """Do a job on a log and write what comes of it."""
    sql = SUMMARY if job == "summary" else RUN
    cursor = duckdb.connect().execute(sql.format(log=log, output=output))
    if job == "summary":
        names = [column[0] for column in cursor.description]
        (row,) = cursor.fetchall()
        Path(output).write_text(json.dumps(dict(zip(names, row, strict=True))))


if __name__ == "__main__":
    main(*sys.argv[1:])
