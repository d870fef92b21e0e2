"""What may be wrong with a log as a whole: its lines, its times, its users."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from ctrlog.check.model import Facts, Finding, Severity, by_share
from ctrlog.outputs.phrases import counted
from ctrlog.outputs.words import named, part, percent
from ctrlog.schemas.mapping import Watched
from ctrlog.times import format_duration


def no_events(facts: Facts) -> Iterator[Finding]:
    """Tell that there is nothing to count."""
    if facts.events or facts.bad_lines:
        return
    yield Finding(
        "no_events",
        Severity.WRONG,
        0,
        None,
        "There are no events: the log is empty.",
        "Nothing can be counted.",
        "Is it the log you meant?",
    )


def schema(facts: Facts) -> Iterator[Finding]:
    """Tell that the schema does not fit, or another one better."""
    fit, better = facts.fit, facts.better
    if fit is None or not fit.lines:
        return
    if not fit.fits and better is None:
        yield Finding(
            "no_schema",
            Severity.WRONG,
            fit.lines - fit.told,
            fit.lines,
            "No schema that comes with ctrlog finds a search or a click.",
            "ctrlog does not know what the log calls them.",
            "--field NAME=PLACE, or a schema of your own: `ctrlog schema show native > mylog.toml`"
            " is a start, and the fields above are what there is; then --schema mylog.toml",
        )
    elif better is not None:
        yield Finding(
            "better_schema",
            Severity.WRONG if not fit.fits else Severity.DOUBTFUL,
            better.told,
            better.lines,
            f"The schema {better.name} tells {percent(better.share)} of the lines looked at,"
            f" {facts.schema} {percent(fit.share)}.",
            "Lines that a schema does not know count for nothing.",
            f"--schema {better.name}",
        )


def bad_lines(facts: Facts) -> Iterator[Finding]:
    """Tell how many lines cannot be used."""
    bad = sum(facts.bad_lines.values())
    if not bad:
        return
    lines = facts.checkup.lines
    by_number = sorted(facts.bad_lines.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in by_number)
    yield Finding(
        "bad_lines",
        by_share(bad, lines),
        bad,
        lines,
        f"Lines that cannot be used: {part(bad, lines)}: {reasons}.",
        "They are left out, and with them searches and clicks.",
        "--bad-lines FILE keeps them, --max-bad 1% stops on too many",
        {"by_reason": dict(facts.bad_lines)},
    )


def no_searches(facts: Facts) -> Iterator[Finding]:
    """Tell that there is no search."""
    if facts.search_events or not facts.events or (facts.fit and not facts.fit.fits):
        return
    typed = facts.checkup.tally.of(Watched.TYPING)
    yield Finding(
        "no_searches",
        Severity.WRONG,
        0,
        facts.events,
        f"There is no search among {counted(facts.events, 'event')}"
        + (f", but {counted(typed, 'search')} as the client logs them." if typed else "."),
        "Without searches there is no click-through.",
        "--schema ubi-events counts what the client logs" if typed else _NAME_EVENTS,
    )


_NAME_EVENTS = "--field type=PLACE if events are named elsewhere, or a schema of your own"


def no_clicks(facts: Facts) -> Iterator[Finding]:
    """Tell that there is no click."""
    if facts.all_clicks or not facts.search_events:
        return
    yield Finding(
        "no_clicks",
        Severity.WRONG,
        0,
        facts.events,
        f"There is no click among {counted(facts.events, 'event')}.",
        "Click-through would be 0. Maybe the click is named differently, or in another file.",
        _NAME_EVENTS + "; name all files of the log",
    )


# Time.


def missing_times(facts: Facts) -> Iterator[Finding]:
    """Tell how many events have no time."""
    untimed, events = facts.checkup.tally.untimed, facts.checkup.tally.events.total()
    if not untimed:
        return
    yield Finding(
        "missing_times",
        Severity.NOTE if untimed == events else Severity.DOUBTFUL,
        untimed,
        events,
        f"Events without a time: {part(untimed, events)}.",
        "Without times nothing ends a session but AppClose and Timeout, and no time to a click"
        " is known.",
        "--field time=PLACE if the log has it elsewhere",
    )


def naive_times(facts: Facts) -> Iterator[Finding]:
    """Tell how many times do not say in which zone they are."""
    naive, lines = facts.checkup.naive_times, facts.checkup.lines
    if not naive:
        return
    yield Finding(
        "times_without_offset",
        Severity.DOUBTFUL,
        naive,
        lines,
        f"Lines with a time that has no offset from UTC: {part(naive, lines)}.",
        "ctrlog reads these times as UTC. If they are local times, hours, days, --since and --until"
        " are off, and the hour that is repeated in autumn is out of order.",
        "write times with an offset: 2024-01-31T12:00:00Z, or +01:00 instead of Z",
    )


def time_order(facts: Facts) -> Iterator[Finding]:
    """Tell how far events are out of order of time."""
    order, events = facts.checkup.order, facts.checkup.tally.events.total()
    back, neighbours = order.steps_back.total(), order.neighbours.total()
    if not order.behind:
        return
    both = [is_named for is_named in (True, False) if order.neighbours[is_named]]
    parts = [
        f"{order.steps_back[is_named]:,} of {order.neighbours[is_named]:,}"
        + _NAMED[is_named] * (len(both) > 1)
        for is_named in both
    ]
    wait = _rounded_up(order.largest)
    late = ""
    if order.late:
        late = f", by more than {format_duration(order.lateness)} {order.late:,}"
    yield Finding(
        "time_order",
        by_share(order.late, events, otherwise=Severity.DOUBTFUL),
        back,
        neighbours,
        f"Neighbouring lines out of order of time: {' and '.join(parts)}. Events behind the"
        f" clock: {part(order.behind, events)}{late}, up to {_whole(order.largest)}.",
        "Sessions and searches are made from events in the order in which they come: a click"
        " before its search belongs to none.",
        f"--reorder {format_duration(wait)} sorts them, and holds that much of the log in memory",
        {
            "named": _pairs(facts, is_named=True),
            "unnamed": _pairs(facts, is_named=False),
            "behind_the_clock": order.behind,
            "late": order.late,
            "largest_step_back_s": order.largest.total_seconds(),
        },
    )


_NAMED = {True: " where events have a name", False: " where they have none"}


def _pairs(facts: Facts, *, is_named: bool) -> dict[str, int]:
    order = facts.checkup.order
    return {
        "neighbours": order.neighbours[is_named],
        "out_of_order": order.steps_back[is_named],
    }


def _whole(duration: timedelta) -> str:
    """Write a duration to the second, or to the millisecond if it is short."""
    if duration < timedelta(seconds=10):
        return f"{duration.total_seconds():.3g}s"
    return format_duration(timedelta(seconds=round(duration.total_seconds())))


def _rounded_up(duration: timedelta) -> timedelta:
    """Round up to two digits or so, in a unit that people use."""
    seconds = duration.total_seconds()
    for unit_s in (86_400, 3_600, 60, 1):
        if seconds >= 2 * unit_s:
            return timedelta(seconds=unit_s * math.ceil(seconds / unit_s))
    return timedelta(seconds=math.ceil(seconds))


def files(facts: Facts) -> Iterator[Finding]:
    """Tell that files belong side by side."""
    overlaps, going_on = facts.checkup.order.overlaps, facts.checkup.tally.users_going_on
    if not overlaps or not going_on:
        return
    yield Finding(
        "overlapping_files",
        Severity.WRONG,
        overlaps,
        len(facts.checkup.order.files),
        f"Files that begin before the one before them has ended:"
        f" {part(overlaps, len(facts.checkup.order.files))}; users who go on from one to another:"
        f" {going_on:,}.",
        "Files are taken one after the other, so a click is not in the session of its search.",
        "--interleave takes them together, in order of time",
        {"users_going_on": going_on},
    )


# Who, and what twice.

#: A user who searches so often, and so many times as often as others, is hardly a person.
_MANY_SEARCHES = 100
_TIMES_THE_MEAN = 20


def robots(facts: Facts) -> Iterator[Finding]:
    """Tell of users who search far more than others."""
    searchers = facts.checkup.searchers
    users, searches = facts.metrics.users.count, searchers.total
    robots = []
    most_of_people = searchers.largest_error
    for user, number in searchers.most_common():
        others = max(users - 1, 1)
        mean = max(searches - number, 1) / others
        if number < max(_MANY_SEARCHES, _TIMES_THE_MEAN * mean):
            most_of_people += number
            break
        robots.append((user, number))
    if not robots:
        return
    made = sum(number for _, number in robots)
    (busiest, most), *_ = robots
    limit = _limit_between(most_of_people, robots[-1][1])
    yield Finding(
        "robots",
        by_share(made, searches),
        made,
        searches,
        f"Searches of users who make more than {_TIMES_THE_MEAN} times the mean of all others:"
        f" {part(made, searches)}; such users: {len(robots):,}, first of them"
        f" {named(busiest, 40)} with {most:,}.",
        "Robots, tests and colleagues search without clicking, or click on everything.",
        f"--exclude-users FILE, or --max-user-searches {limit}",
        {"users": [user for user, _ in robots[:10]]},
    )


def _limit_between(people: int, robots: int) -> int:
    """Return a limit that every robot exceeds and nobody else, a round number if there is one.

    Args:
        people: The most searches of a user who is not a robot.
        robots: The fewest searches of a robot; more than `people`.
    """
    step: int = 10 ** (len(str(robots - 1)) - 1)
    rounded = (robots - 1) // step * step
    return rounded if rounded >= people else robots - 1


def twins(facts: Facts) -> Iterator[Finding]:
    """Tell how many lines came before."""
    sample = facts.checkup.twins
    again = sum(twins.lines - 1 for twins in sample.values()) * sample.scale
    if not again:
        return
    about = "" if sample.scale == 1 else "about "
    yield Finding(
        "repeated_lines",
        by_share(again, facts.checkup.lines),
        again,
        facts.checkup.lines,
        f"Lines that stood in the log before: {about}{part(again, facts.checkup.lines)}.",
        "Events that were delivered twice count twice.",
        "leave them out before: `awk '!seen[$0]++'`",
    )
