"""The job in Polars' expressions: sort by user, then look at the rows before and after."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
from polars import col

GAP = timedelta(minutes=30)
LATENESS = timedelta(minutes=5)
SCHEMA = {
    "type": pl.String,
    "user": pl.Int64,
    "time": pl.String,
    "query": pl.String,
    "items": pl.List(pl.String),
    "item": pl.String,
    "rank": pl.Int64,
}
CLOSED_BY = {"AppClose": "close", "Timeout": "timeout"}


def read(log: str, columns: list[str]) -> pl.LazyFrame:
    """The events of a log. To read times as text and parse them is by far the fastest."""
    lines = pl.scan_ndjson(log, schema={name: SCHEMA[name] for name in columns})
    return lines.with_columns(col("time").str.to_datetime("%Y-%m-%dT%H:%M:%S.%3fZ"))


def in_parts(events: pl.LazyFrame) -> pl.LazyFrame:
    """Number the parts of sessions and say where sessions start and end.

    A part is a search with what follows it, or what comes in a session before its first search.
    """
    is_other_user = col("user") != col("user").shift()
    starts = is_other_user | (col("time").diff() > GAP) | col("ended_by").shift().is_not_null()
    return (
        events.sort("user", maintain_order=True)
        .with_columns(
            starts_session=starts.fill_null(value=True),
            ends_user=is_other_user.shift(-1).fill_null(value=True),
        )
        .with_columns(
            ends_session=col("starts_session").shift(-1).fill_null(value=True),
            part=(col("starts_session") | col("is_search")).cum_sum(),
        )
    )


def kinds() -> dict[str, pl.Expr]:
    """What the machine needs to know of an event's type, in place of its text."""
    ended_by = col("type").replace_strict(
        CLOSED_BY, default=None, return_dtype=pl.Enum(CLOSED_BY.values())
    )
    is_search, is_click = col("type") == "Search", col("type") == "ClickResult"
    return {"is_search": is_search, "is_click": is_click, "ended_by": ended_by}


def summary(log: str) -> dict[str, float]:
    """Count searches."""
    events = read(log, ["type", "user", "time", "items"])
    events = events.select("user", "time", **kinds(), shown=col("items").list.len())
    parts = in_parts(events).group_by("part")
    searches = parts.agg(
        col("user").first(),
        events=pl.len(),
        is_search=col("is_search").any(),
        clicks=col("is_click").sum(),
        shown=col("shown").max(),
        is_last=col("ends_session").any(),
        time=col("time").filter("is_search").min(),
        first_click=col("time").filter("is_click").min(),
    ).with_columns(first_click_s=(col("first_click") - col("time")).dt.total_milliseconds() / 1000)

    def count(condition: pl.Expr) -> pl.Expr:
        return (col("is_search") & condition).sum()

    has_results, unclicked = col("shown") > 0, col("clicks") == 0
    numbers = searches.select(
        events=col("events").sum(),
        users=col("user").filter("is_search").n_unique(),
        sessions=count(col("is_last")),
        searches=col("is_search").sum(),
        clicked_searches=count(~unclicked),
        clicks=col("clicks").filter("is_search").sum(),
        with_results=count(has_results),
        zero_results=count(col("shown") == 0),
        abandoned=count(has_results & unclicked & col("is_last")),
        reformulated=count(unclicked & ~col("is_last")),
        first_click_s_p50=col("first_click_s").quantile(0.5, "lower"),
        first_click_s_p90=col("first_click_s").quantile(0.9, "lower"),
    ).with_columns(
        ctr=col("clicked_searches") / col("searches"),
        clicks_per_search=col("clicks") / col("searches"),
    )
    row: dict[str, float] = numbers.collect(engine="streaming").row(0, named=True)
    return row


def places(events: pl.DataFrame, lines: pl.LazyFrame, searches: pl.DataFrame) -> pl.LazyFrame:
    """The place of the first click's item in the results shown before, where no rank was logged."""
    wanted = searches.lazy().filter(col("click_line").is_not_null() & col("rank").is_null())
    pages = (
        lines.filter(col("shown") > 0)
        .select("part", "line", "shown")
        .join(wanted.select("part", "click_line", "item"), on="part", maintain_order="left")
        .filter(col("line") < col("click_line"))
        .with_columns(before=col("shown").cum_sum().over("part") - col("shown"))
        .collect(engine="streaming")
    )
    return (
        pages.with_columns(items=events["items"].gather(pages["line"]))
        .lazy()
        .with_columns(place=pl.int_ranges(1, col("shown") + 1) + col("before"))
        .explode("items", "place")
        .filter(col("items") == col("item"))
        .group_by("part")
        .agg(col("place").min())
    )


def run(log: str, output: str) -> None:
    """Write a row for each search.

    Only numbers are sorted and grouped; texts and lists are fetched by their line when they are
    needed.
    """
    events = read(log, list(SCHEMA)).collect(engine="streaming")
    narrow = events.lazy().select("user", "time", **kinds(), shown=col("items").list.len())
    lines = in_parts(narrow.with_row_index("line")).with_columns(
        session_start=pl.when("starts_session").then("time").forward_fill()
    )
    lines = lines.collect(engine="streaming").lazy()
    parts = lines.group_by("part").agg(
        col("user", "line", "time", "session_start").first(),
        is_search=col("is_search").any(),
        results=pl.when(col("shown").count() > 0).then(col("shown").sum()),
        clicks=col("is_click").sum(),
        click_line=col("line").filter("is_click").min(),
        is_last=col("ends_session").any(),
        ends_user=col("ends_user").any(),
        ended_by=col("ended_by").max(),
        latest=col("time").max(),
    )
    searches = parts.filter("is_search").collect(engine="streaming")
    searches = searches.with_columns(
        query=events["query"].gather(searches["line"]),
        first_click=events["time"].gather(searches["click_line"]),
        item=events["item"].gather(searches["click_line"]),
        rank=events["rank"].gather(searches["click_line"]),
    )
    is_open = col("ends_user") & (col("latest") >= events["time"].max() - GAP - LATENESS)
    rows = searches.lazy().join(places(events, lines, searches), on="part", how="left")
    rows.select(
        (col("clicks") > 0).cast(pl.Float64).alias("ctr"),
        *("user", "query", "results", "clicks"),
        pl.coalesce("rank", "place").alias("first_rank"),
        ((col("first_click") - col("time")).dt.total_milliseconds() / 1000).alias("first_click_s"),
        *("time", "session_start"),
        pl.when(~col("is_last"))
        .then(pl.lit("search"))
        .when(col("ended_by").is_not_null())
        .then(col("ended_by").cast(pl.String))
        .when(is_open)
        .then(pl.lit("end"))
        .otherwise(pl.lit("gap"))
        .alias("closed_by"),
        (~col("is_last")).alias("followed"),
    ).sink_csv(output)


def main(job: str, log: str, output: str) -> None:
    """Do a job on a log and write what comes of it."""
    if job == "summary":
        Path(output).write_text(json.dumps(summary(log)))
    else:
        run(log, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
