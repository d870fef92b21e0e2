"""The job in ClickHouse's SQL, run by chdb: each user's events in an array, which is then split."""

import sys

import chdb

# A kind is a small number instead of the type's text. Times are read as text and parsed later, so
# that it is done by all threads.
LOG = """
    file('{log}', 'JSONEachRow', '
        type String, user UInt32, time String, query String, items Array(String), item String,
        rank Nullable(UInt32)
    ')
"""
SEARCH, CLICK, RESULTS, CLOSE, TIMEOUT = range(1, 6)
KIND = f"""
    transform(
        type, ['Search', 'ClickResult', 'Results', 'AppClose', 'Timeout'],
        [{SEARCH}, {CLICK}, {RESULTS}, {CLOSE}, {TIMEOUT}], 0
    )::UInt8
"""
TIME = "parseDateTime64BestEffort(time, 3, 'UTC')"

# An event is a tuple of (time, kind, …). A session is split off where the event before has closed
# it, or is more than the gap ago.
SPLIT_USER = f"""
    arraySplit(
        (event, before) -> before.2 >= {CLOSE} OR event.1 > before.1 + 1800,
        events, arrayPushFront(arrayPopBack(events), events[1])
    )
"""
SPLIT_SESSION = f"arraySplit(event -> event.2 = {SEARCH}, session)"

SUMMARY = f"""
WITH
    users AS (
        SELECT user, arraySort(groupArray(({TIME}, {KIND}, length(items)))) AS events
        FROM {LOG}
        GROUP BY user
    ),
    sessions AS (SELECT user, arrayJoin({SPLIT_USER}) AS session FROM users),
    parts AS (
        SELECT user,
            arrayJoin({SPLIT_SESSION}) AS part,
            part[-1].1 = session[-1].1 AS is_last
        FROM sessions
    ),
    counted AS (
        SELECT user, is_last,
            length(part) AS events,
            part[1].2 = {SEARCH} AS is_search,
            countEqual(part.2, {CLICK}) AS clicks,
            has(part.2, {RESULTS}) AS is_logged,
            arraySum(part.3) AS shown,
            dateDiff('ms', part[1].1, part[indexOf(part.2, {CLICK})].1) / 1000 AS first_click_s
        FROM parts
    )
SELECT
    sum(events) AS events,
    uniqExactIf(user, is_search) AS users,
    countIf(is_search AND is_last) AS sessions,
    countIf(is_search) AS searches,
    countIf(is_search AND counted.clicks > 0) AS clicked_searches,
    clicked_searches / searches AS ctr,
    sumIf(counted.clicks, is_search) AS clicks,
    clicks / searches AS clicks_per_search,
    countIf(is_search AND shown > 0) AS with_results,
    countIf(is_search AND is_logged AND shown = 0) AS zero_results,
    countIf(is_search AND shown > 0 AND counted.clicks = 0 AND is_last) AS abandoned,
    countIf(is_search AND counted.clicks = 0 AND NOT is_last) AS reformulated,
    quantileExactLowIf(0.5)(first_click_s, is_search AND counted.clicks > 0) AS first_click_s_p50,
    quantileExactLowIf(0.9)(first_click_s, is_search AND counted.clicks > 0) AS first_click_s_p90
FROM counted
INTO OUTFILE '{{output}}' TRUNCATE FORMAT JSONEachRow
SETTINGS output_format_json_quote_64bit_integers = 0
"""

RUN = f"""
WITH
    users AS (
        SELECT user,
            arraySort(
                event -> event.1,
                groupArray(({TIME}, {KIND}, if(type = 'Search', query, item), items, rank))
            ) AS events,
            max(events[-1].1) OVER () AS clock
        FROM {LOG}
        GROUP BY user
    ),
    sessions AS (
        SELECT user, clock, events[-1].1 AS user_latest, arrayJoin({SPLIT_USER}) AS session
        FROM users
    ),
    parts AS (
        SELECT user, clock, user_latest,
            session[1].1 AS session_start,
            session[-1].1 AS latest,
            session[-1].2 AS last_kind,
            arrayJoin({SPLIT_SESSION}) AS part,
            part[-1].1 = latest AS is_last
        FROM sessions
    ),
    searches AS (
        SELECT *, part.2 AS kinds, part.4 AS pages,
            indexOf(kinds, {CLICK}) AS click_place, part[click_place] AS click
        FROM parts
        WHERE part[1].2 = {SEARCH}
    )
SELECT
    toFloat64(click_place > 0) AS ctr,
    user,
    part[1].3 AS query,
    if(has(kinds, {RESULTS}), length(arrayFlatten(pages)), NULL) AS results,
    countEqual(kinds, {CLICK}) AS clicks,
    if(
        click_place = 0, NULL,
        coalesce(
            click.5, nullIf(indexOf(arrayFlatten(arraySlice(pages, 1, click_place)), click.3), 0)
        )
    ) AS first_rank,
    if(click_place = 0, NULL, dateDiff('ms', part[1].1, click.1) / 1000) AS first_click_s,
    part[1].1 AS time,
    session_start,
    multiIf(
        NOT is_last, 'search',
        last_kind = {CLOSE}, 'close',
        last_kind = {TIMEOUT}, 'timeout',
        latest = user_latest AND latest + 2100 >= clock, 'end',
        'gap'
    ) AS closed_by,
    NOT is_last AS followed
FROM searches
INTO OUTFILE '{{output}}' TRUNCATE FORMAT CSVWithNames
SETTINGS format_csv_null_representation = ''
"""


def main(job: str, log: str, output: str) -> None:
    """Do a job on a log and write what comes of it."""
    sql = SUMMARY if job == "summary" else RUN
    chdb.query(sql.format(log=log, output=output))


if __name__ == "__main__":
    main(*sys.argv[1:])
