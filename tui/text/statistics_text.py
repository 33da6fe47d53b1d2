"""Load, pace, timings, waste and hiding policies as text."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from gjobs.store.error_groups.error_group import NO_TEXT
from gjobs.store.errors import command
from gjobs.store.statistics import statistics
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import is_far, money, size
from gjobs.tui.text.clean_text import clean, shorten
from gjobs.tui.text.format import (
    Column,
    age,
    count,
    duration,
    elapsed,
    jobs_count,
    milliseconds,
    percent,
    refresh_interval,
)

if TYPE_CHECKING:
    from gjobs.store.capabilities.capability import RlsPolicy
    from gjobs.store.database.load_meter import Load
    from gjobs.store.job_list.list_query import ReadRules


class PaceCause(Enum):
    """Why the dashboard refreshes less often than at its interval."""

    FAILED = "the last query failed"
    PAUSED = "refreshing is paused"
    EXPENSIVE = "this list is expensive"
    SLOW = "the network or the database is slow"
    UNCHANGED = "nothing changes"


def load_title(load: "Load") -> str:
    if load.includes_start:
        return f"Load in the first {elapsed(load.over)}"
    return f"Load in the last {'minute' if load.over < 120 else elapsed(load.over)}"


def load_lines(load: "Load") -> list[tuple[str, str]]:
    """Return names and values. Bytes come first, because hosts bill them. They are missing on a local connection."""
    lines = []
    if load.traffic is not None:
        lines += [("Received", _bytes(load, load.traffic.received)), ("Sent", _bytes(load, load.traffic.sent))]
    if load.round_trip is not None:
        # The fastest answer includes work of the server.
        lines.append(("Round trip", f"at most {milliseconds(load.round_trip)}"))
    return [
        *lines,
        ("Queries", count(load.queries)),
        ("Waiting", f"{milliseconds(load.database_time)} for the network and the database"),
        ("Processor", f"{_share(load.processor_share)} of a core of this machine"),
    ]


def load_summary(load: "Load") -> str:
    """Return the load in one line."""
    return f"{load_title(load)}: {', '.join(f'{name} {value}' for name, value in load_lines(load))}"


def _bytes(load: "Load", number: int) -> str:
    """Return bytes as a rate. The start reads more than a later minute, so it has no rate."""
    if load.includes_start:
        return f"{size(number)} since the start"
    rate = number / load.over
    return f"{size(round(rate * 60))} a minute, {size(round(rate * 3600))} an hour"


def pace_words(max_staleness: float, *, interval: float, is_woken: bool, cause: PaceCause) -> str:
    """Return when the dashboard refreshes. `cause` is used only if the dashboard refreshes less often than its
    interval says.
    """
    if cause is PaceCause.FAILED:
        return f"again after a successful retry, because {cause.value}"
    if cause is PaceCause.PAUSED:
        return f"only on request, because {cause.value}"
    now, target = refresh_interval(max_staleness), refresh_interval(interval)
    start, after = ("within", " of a change") if is_woken else ("every", "")
    if max_staleness > interval and now != target:
        return f"{start} {now}{after}, not {start} {target}, because {cause.value}"
    return f"{start} {now}{after}{', because the database reports changes' if is_woken else ''}"


def _share(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %"


def timing_columns(now: datetime) -> list[Column[statistics.ModeTimings]]:
    """Return the columns. A caller may leave out the last one, because the summary has the total."""

    def oldest(work: statistics.ModeTimings) -> str:
        if (since := work.oldest_queued_at) is None:
            return "-"
        return age(since, now) if is_far(since) else duration(max((now - since).total_seconds(), 0.0))

    return [
        Column("MODE", lambda work: "all" if work.mode is None else clean(work.mode), least=8, cells=8),
        Column("DONE", lambda work: count(work.finished), right=True),
        Column("FAILED", lambda work: percent(work.failure_rate), right=True),
        Column("WAIT 50 %", lambda work: duration(work.waiting.median) if work.waiting else "-", right=True),
        Column("95 %", lambda work: duration(work.waiting.percentile_95) if work.waiting else "-", right=True),
        Column("RUN 50 %", lambda work: duration(work.running.median) if work.running else "-", right=True),
        Column("95 %", lambda work: duration(work.running.percentile_95) if work.running else "-", right=True),
        Column("OLDEST", oldest, right=True),
        Column("QUEUED", lambda work: count(work.queued), right=True),
    ]


def span(window: timedelta) -> str:
    hours = window.total_seconds() / 3600
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:g} d"


def summary(monitoring: statistics.JobTimings) -> str:
    """Return the sentence below the table."""
    rate = f"{monitoring.per_hour:,.1f}".rstrip("0").rstrip(".")
    capped = " Only a part of the jobs was read, so the numbers are incomplete." if monitoring.is_capped else ""
    finished = jobs_count(monitoring.of_all.finished)
    queued = count(monitoring.of_all.queued)
    return f"Finished in the last {span(monitoring.window)}: {finished}, {rate} an hour. Queued now: {queued}.{capped}"


WASTE_TITLES: Mapping[statistics.WasteKey, str] = by_member(
    statistics.WasteKey,
    {
        statistics.WasteKey.MODE: "MODE",
        statistics.WasteKey.PROJECT: "PROJECT",
        statistics.WasteKey.USER: "USER",
        statistics.WasteKey.GROUP: "ERROR",
        statistics.WasteKey.DAY: "DAY",
    },
)
RETRIES = "(retries)"
UNKNOWN = "-"
TOTAL = "total"
_NAME_CELLS = 80
"""The longest name. A longer one would move the numbers far away."""


def waste_columns(waste: statistics.Waste, *, has_group_ids: bool) -> list[Column[statistics.WasteRow]]:
    """Return the columns of the rows and of the total. A group has its fingerprint, its id or both."""

    def name(row: statistics.WasteRow) -> str:
        if row is waste.total:
            return TOTAL
        if row.key is None:
            return UNKNOWN
        if waste.by is not statistics.WasteKey.GROUP:
            return row.name or str(row.key)
        if row.key == "":
            return RETRIES
        error = None if row.name is None else clean(row.name) or NO_TEXT
        return error if error and not has_group_ids else " ".join(filter(None, (str(row.key), error)))

    return [
        Column(WASTE_TITLES[waste.by], lambda row: shorten(clean(name(row)), _NAME_CELLS), least=12),
        Column("FAILED", lambda row: count(row.failed_count), right=True),
        Column("FAILED COST", lambda row: money(row.failed_cents), right=True),
        Column("RETRIES", lambda row: count(row.retry_count), right=True),
        Column("RETRY COST", lambda row: money(row.retry_cents), right=True),
        Column("WASTE", lambda row: money(row.waste_cents), right=True),
        Column("ALL JOBS", lambda row: UNKNOWN if row.all_cents is None else money(row.all_cents), right=True),
        Column("SHARE", lambda row: percent(row.share), right=True),
    ]


def headline(waste: statistics.Waste) -> str:
    total = waste.total
    costs = "all costs" if waste.read_limit is None else f"the costs of the newest {count(waste.read_limit)} jobs"
    of_all = "" if total.share is None else f", {percent(total.share)} of {costs}"
    return f"{money(total.waste_cents)} wasted{of_all}"


def sentences(waste: statistics.Waste) -> Iterator[str]:
    """Return what the numbers cover, if that is not every job."""
    if waste.read_limit is not None:
        yield f"Only the newest {count(waste.read_limit)} jobs were read. {waste.limited_because or ''}".rstrip()
    if not waste.knows_retries:
        yield f"Retries are unknown here: {command('migrate columns')} adds the column that counts them."
    if waste.days is not None:
        yield f"Jobs created in the last {waste.days} days, in UTC."
    if waste.unnamed_groups:
        groups = f"{count(waste.unnamed_groups)} {'group has' if waste.unnamed_groups == 1 else 'groups have'}"
        read = count(statistics.MOST_NAMING_FAILURES)
        yield f"{groups} only an id, because none of the newest {read} failures belongs to it."
    if waste.has_more:
        yield f"These are the {count(len(waste.rows))} rows with the most waste. The total includes the others."


LONGEST_POLICY_NAME = 60
_LONGEST_EXPRESSION = 400


def why_hidden(rules: "ReadRules") -> str:
    """Return a sentence on why a job is hidden. The policies are named, never evaluated."""
    if not rules.is_granted:
        return f"The role {rules.role} has no grant to read the jobs, so no user sees any."
    if not rules.has_row_security:
        return "No policy hides it, because row level security is off. Something else hides it."
    if not rules.permissive:
        return f"Row level security is on, but no policy lets {rules.role} read any job."
    several = len(rules.permissive) > 1
    if several:
        sentence = f"None of the {len(rules.permissive)} permissive policies allows this job"
    else:
        sentence = f"The policy {_quoted(rules.permissive[0])} does not allow it"
    if rules.restrictive:
        named = ", ".join(map(_quoted, rules.restrictive))
        which = "this restrictive policy" if len(rules.restrictive) == 1 else "one of these restrictive policies"
        sentence += f", or {which} hides it: {named}"
    return f"{sentence}."


def _quoted(policy: "RlsPolicy") -> str:
    return f"“{policy.name}”"


def deciding_policies(rules: "ReadRules") -> "tuple[RlsPolicy, ...]":
    """Return the policies that decide which jobs a user sees."""
    return rules.policies if rules.is_granted and rules.has_row_security else ()


def policy_line(policy: "RlsPolicy") -> str:
    kind = "allows" if policy.is_permissive else "hides all but"
    expression = clean(policy.using, limit=_LONGEST_EXPRESSION) if policy.using else "nothing"
    return f"“{clean(policy.name, limit=LONGEST_POLICY_NAME)}” {kind} {expression}"
