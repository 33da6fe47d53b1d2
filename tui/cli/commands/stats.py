"""gjobs stats, gjobs metrics, gjobs fold and gjobs errors."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import Settings
from gjobs.store.error_groups.error_group import WEEK, ErrorGroup, ErrorScope
from gjobs.store.errors import Locked, TimedOut, command
from gjobs.store.filters.filter_terms import NO_FILTER, JobFilter, Key
from gjobs.store.statistics.statistics import (
    DAY,
    JobStatistic,
    JobStatistics,
    JobSummary,
    JobTimings,
    ModeTimings,
    Percentiles,
    Waste,
    WasteKey,
    WasteRow,
)
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import money
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli.arguments import FILTER, PROJECT, find_project_id, job_age, one_of, port, project_names
from gjobs.tui.cli.command import ActorRule, Command, option, optional_value, switch
from gjobs.tui.cli.commands.archive import print_archive_limits
from gjobs.tui.cli.output import Output, UsageError, print_message, put
from gjobs.tui.cli.sessions import in_session, print_moment
from gjobs.tui.export import export_files
from gjobs.tui.export.export_files import Document

if TYPE_CHECKING:
    from prometheus_client import Metric

    from gjobs.store.store import Store
    from gjobs.tui.session import Session

_KEYS = ("project", "mode", "user", "group", "day")


@Command(name="stats", example="gjobs stats --project 'Autumn catalog' --json", shows_moments=True)
def show_statistics(
    settings: Settings,
    output: Output,
    *,
    project: str | None = PROJECT,
    by: str | None = option(
        one_of(_KEYS),
        f"{{{','.join(_KEYS)}}}",
        "project: cost by project and status; mode: how long jobs wait and run; the others need --waste",
    ),
    waste: bool = switch("the cost of failed jobs and of retries, by mode (default) or as --by says"),
    archive: bool = switch("include the archived jobs"),
    window: timedelta | None = option(job_age, "SPAN", "with --by mode: the last 30m, 24h (default) or 7d"),
) -> None:
    """Show the number and cost of jobs by status."""
    if settings.moment is not None and (by is not None or waste or archive):
        raise UsageError(
            "--at shows only counts and costs by status, without the archive.",
            hint="Leave --by, --waste and --archive out.",
        )

    @in_session
    async def show(session: "Session", output: Output) -> None:
        if waste:
            if archive or window is not None:
                raise UsageError(
                    "--waste can't be combined with --archive or --window.", hint="Leave --archive and --window out."
                )
        elif by in ("user", "group", "day"):
            raise UsageError(f"--by {by} needs --waste.", hint=f"Add --waste: {command(f'stats --waste --by {by}')}.")
        if window is not None and by != "mode":
            raise UsageError("--window needs --by mode.", hint="Add --by mode, or leave --window out.")
        if archive and by == "mode":
            raise UsageError("--archive can't be combined with --by mode.", hint="Leave --by or --archive out.")
        project_id = await find_project_id(session.store, project, takes_prefix=True)
        if waste:
            await _waste(session, output, project_id, WasteKey(by or "mode"))
        elif by == "mode":
            await _by_mode(session, output, project_id, window or DAY)
        elif by == "project":
            await _by_project(session, output, project_id, archive=archive)
        else:
            await _by_status(session, output, project_id, archive=archive)

    show(settings, output)


_NAMES = by_member(
    WasteKey,
    {
        WasteKey.MODE: None,
        WasteKey.PROJECT: "name",
        WasteKey.USER: "email",
        WasteKey.GROUP: "fingerprint",
        WasteKey.DAY: None,
    },
)
"""The JSON key for the name of a waste row. None if its key is a name."""
_WASTED = Document(WasteRow, "failed_count failed_cents retry_count retry_cents waste_cents all_cents share")
_WASTE = Document(Waste, "has_more days knows_retries exact=is_exact read_limit")


def _waste_document(value: Waste) -> dict[str, object]:
    by, name = value.by.value, _NAMES[value.by]
    rows = [{by: row.key, **({name: row.name} if name else {}), **_WASTED(row)} for row in value.rows]
    return {"by": by, "rows": rows, "total": _WASTED(value.total), **_WASTE(value)}


async def _waste(session: "Session", output: Output, project_id: UUID | None, by: WasteKey) -> None:
    from gjobs.tui.text.statistics_text import sentences, waste_columns

    waste = await session.store.get_waste(by, project_id)
    if not output.document(_waste_document(waste)):
        output.table(waste_columns(waste, has_group_ids=True), [*waste.rows, waste.total])
    print_message(*sentences(waste))


def _spread(value: Percentiles | None) -> dict[str, float] | None:
    if value is None:
        return None
    return {"median": round(value.median, 3), "percentile_95": round(value.percentile_95, 3)}


_WORK = Document(
    ModeTimings,
    "succeeded failed failure_rate",
    ("waiting", lambda work: _spread(work.waiting)),
    ("running", lambda work: _spread(work.running)),
    ("total", lambda work: _spread(work.total)),
    "queued oldest_queued_at",
)
_TIMINGS = Document(
    JobTimings,
    ("window_seconds", lambda found: found.window.total_seconds()),
    "taken_at",
    ("finished_per_hour", lambda found: round(found.per_hour, 2)),
    "capped=is_capped",
    ("all", lambda found: _WORK(found.of_all)),
    ("by_mode", lambda found: [{"mode": work.mode, **_WORK(work)} for work in found.by_mode]),
)
"""Durations are in seconds."""


async def _by_mode(session: "Session", output: Output, project_id: UUID | None, window: timedelta) -> None:
    monitoring = await session.store.get_job_timings(project_id, window=window)
    if output.document(_TIMINGS(monitoring)):
        return
    from gjobs.tui.text.statistics_text import summary, timing_columns

    output.table(timing_columns(monitoring.taken_at), [*monitoring.by_mode, monitoring.of_all])
    output.text(f"\n{summary(monitoring)}")


_STATISTICS = Document(
    JobStatistics, "by_status total_count total_cost_cents avg_cost_cents success_rate success_rate_finished"
)


async def _by_status(session: "Session", output: Output, project_id: UUID | None, *, archive: bool) -> None:
    if archive:
        from gjobs.store.retention.archive import get_statistics_with_archive

        statistics = await get_statistics_with_archive(session.store, project_id)
    else:
        statistics = await session.store.get_job_statistics(project_id)
    if output.json:
        partial_claims = await session.store.actor_database.partial_claims()
        certain = {"exact": not partial_claims, "partial_claims": partial_claims}
        output.document({**_STATISTICS(statistics), **certain, "includes_archive": statistics.includes_archive})
        if archive and not statistics.includes_archive:
            await print_archive_limits(session)
    else:
        _show_statistics(output, statistics)
        print_moment(session)
        if session.moment is None:
            await _print_archive_note(session, is_included=archive)


async def _by_project(session: "Session", output: Output, project_id: UUID | None, *, archive: bool) -> None:
    if archive:
        from gjobs.store.retention.archive import get_summary_with_archive

        summary = await get_summary_with_archive(session.store, project_id, limit=MAX_LIMIT)
    else:
        summary = await session.store.get_job_summary(project_id, limit=MAX_LIMIT)
    if output.json:
        output.document(summary)
        if archive:
            await print_archive_limits(session)
    else:
        _show_summary(output, summary, await project_names(session.store))
        await _print_archive_note(session, is_included=archive)
    if len(summary) == MAX_LIMIT:
        print_message(f"These are the {MAX_LIMIT:,} most expensive rows. There may be more.")


def _show_statistics(output: Output, statistics: JobStatistics) -> None:
    from gjobs.tui.cli.text_tables import STATUS_COLUMN
    from gjobs.tui.text.format import Column, count, percent

    columns: Sequence[Column[JobStatistic]] = (
        STATUS_COLUMN,
        Column("JOBS", lambda row: count(row.count), right=True),
        Column("COST", lambda row: money(row.total_cost_cents), right=True),
        Column("AVERAGE", lambda row: money(round(row.avg_cost_cents)), right=True),
    )
    average = "-" if statistics.avg_cost_cents is None else money(round(statistics.avg_cost_cents))
    total = ["total", count(statistics.total_count), money(statistics.total_cost_cents), average]
    output.table(columns, statistics, total=total)
    if statistics.success_rate_finished is None:
        output.text("\nNo job has finished.")
        return
    finished, of_all = percent(statistics.success_rate_finished), percent(statistics.success_rate)
    output.text(f"\nSuccess: {finished} of the finished jobs, {of_all} of all jobs.")


async def _print_archive_note(session: "Session", *, is_included: bool) -> None:
    """Say whether the numbers include archived jobs, if there is an archive."""
    if is_included:
        if not await print_archive_limits(session):
            print_message("Includes the archived jobs.")
        return
    if (await session.store.capability_cache.get()).missing(Capability.MIGRATED, session.store.actor) is not None:
        return
    from gjobs.store.retention.archive import count_some_archived
    from gjobs.tui.text.format import count

    if (archived := await count_some_archived(session.store)).number:
        more = "more than " if archived.is_more else ""
        print_message(f"Excludes {more}{count(archived.number)} archived jobs. Add --archive to include them.")


def _show_summary(output: Output, summary: Sequence[JobSummary], names: dict[UUID, str]) -> None:
    from gjobs.tui.cli.text_tables import STATUS_COLUMN
    from gjobs.tui.text.format import Column, count, id_text, local_time

    columns: Sequence[Column[JobSummary]] = (
        Column("PROJECT", lambda row: names.get(row.project_id, id_text(row.project_id)), least=12),
        STATUS_COLUMN,
        Column("JOBS", lambda row: count(row.job_count), right=True),
        Column("COST", lambda row: money(row.total_cost_cents), right=True),
        Column("AVERAGE", lambda row: money(round(row.avg_cost_cents)), right=True),
        Column("LAST JOB", lambda row: local_time(row.last_job_at)),
    )
    output.table(columns, summary)


PORT = 9108


@Command(name="metrics", example="gjobs metrics --serve", actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, has_json=False)
async def print_metrics(
    session: "Session",
    output: Output,
    *,
    window: timedelta = option(
        job_age, "SPAN", "show durations and failures of the last 30m, 24h (default) or 7d", default=DAY
    ),
    serve: int | None = optional_value(
        port,
        "PORT",
        f"serve the statistics at /metrics on a port of this machine only (default: {PORT}), until stopped",
        const=PORT,
    ),
) -> None:
    """Print statistics for monitoring, or serve them."""
    if serve is not None:
        await _serve(session.store, window, serve)
        return
    from prometheus_client.openmetrics.exposition import generate_latest

    from gjobs.tui.cli.commands.metrics import Collected

    metrics = await _collect(session.store, window)
    text = generate_latest(Collected(metrics)).decode()  # type: ignore[no-untyped-call]
    if output.is_terminal:
        from gjobs.tui.text.clean_text import clean_block

        text = clean_block(text)
    put(text)


async def _collect(store: "Store", window: timedelta) -> "list[Metric]":
    from gjobs.store.statistics.read_totals import fold_quietly
    from gjobs.tui.cli.commands.metrics import job_metrics, timing_metrics

    await fold_quietly(store.actor_database)
    jobs = job_metrics(await store.get_job_statistics())
    return [*jobs, *timing_metrics(await store.get_job_timings(window=window))]


async def _serve(store: "Store", window: timedelta, port: int) -> None:
    """Serve until stopped. Raises UsageError if the port is in use."""
    from gjobs.tui.cli.commands.metrics import LOOPBACK, Scrapes, ScrapeServer, listen

    try:
        listener = listen(port)
    except OSError as error:
        raise UsageError(
            f"Can't listen on port {port}: {error.strerror}.",
            hint=f"Use another port: {command('metrics --serve PORT')}.",
        ) from error
    with listener:
        print_message(f"Serving http://{LOOPBACK}:{listener.getsockname()[1]}/metrics. Press Ctrl+C to stop.")
        await ScrapeServer(Scrapes(partial(_collect, store, window))).serve(listener)


@Command(name="fold", example="gjobs fold --write 'ticket 4711'", actor_rule=ActorRule.OPERATOR_ONLY)
async def fold_events(session: "Session", output: Output) -> None:
    """Fold recorded events, so that statistics stay quick."""
    from gjobs.store.statistics import read_totals
    from gjobs.tui.text.format import count

    folded = 0
    async for number in read_totals.fold_all(session.store.actor_database):
        folded += number
        print_message(f"{count(folded)} {'event' if folded == 1 else 'events'} folded." if number else None)
    if not output.document({"folded": folded}) and not folded:
        print_message("All events are folded.")


_TREND_CELLS = 12
_WIDEST = 120
"""The maximum width without a terminal, in cells. --json has the whole texts."""
SHORTER = "Use a shorter --window, or --project."


@Command(name="errors", example="gjobs errors --project 'Autumn catalog' --window 24h")
async def show_errors(
    session: "Session",
    output: Output,
    *,
    project: str | None = PROJECT,
    job_filter: JobFilter | None = FILTER,
    window: timedelta = option(
        job_age,
        "SPAN",
        "only jobs that failed within this time: 1h, 1d, 7d (default), 30d or any other",
        default=WEEK,
    ),
) -> None:
    """Group the failed jobs by their error."""
    matched = _without_status(job_filter or NO_FILTER)
    project_id = await find_project_id(session.store, project, takes_prefix=True)
    scope = ErrorScope(project_id=project_id, job_filter=matched, window=window)
    try:
        found = await session.store.get_error_groups(scope)
    except TimedOut as error:
        if isinstance(error, Locked) or error.sqlstate is None:  # No statement timed out, so the hint would not help.
            raise
        raise TimedOut(error.message, hint=SHORTER, sqlstate=error.sqlstate) from error
    if output.document(export_files.error_groups(found)):
        return
    from gjobs.store.filters.filter_syntax import format_filter
    from gjobs.tui.text.error_text import COST, ERROR, FAILED, MODES, USERS, groups_summary, seen_columns, trend_column
    from gjobs.tui.text.format import Column, age

    if found.groups:
        group = Column[ErrorGroup]("GROUP", lambda group: group.id)
        seen = seen_columns(partial(age, now=found.taken_at))
        columns = (group, FAILED, trend_column(_TREND_CELLS), *seen, USERS, COST, ERROR, MODES)
        output.table(columns, found, keeps_ids=True, widest=_WIDEST)
    print_message(groups_summary(found, matching=format_filter(matched)))


def _without_status(job_filter: JobFilter) -> JobFilter:
    """Return the filter without its statuses, as on the errors screen, and say so."""
    terms = tuple(term for term in job_filter.terms if term.key is not Key.STATUS)
    if len(terms) < len(job_filter.terms):
        print_message("The term status: does not apply, because only failed jobs are grouped.")
    return replace(job_filter, terms=terms)
