"""gjobs stats and gjobs metrics."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from gjobs.store.capabilities.capability import Capability
from gjobs.store.configuration.settings import Settings
from gjobs.store.errors import command
from gjobs.store.statistics.statistics import DAY, JobStatistics, JobSummary, JobTimings, Waste, WasteKey
from gjobs.store.values.page_sizes import MAX_LIMIT
from gjobs.tui.cli import json_documents
from gjobs.tui.cli.arguments import find_project, job_age, port, project_names
from gjobs.tui.cli.command import ActorRule, Command
from gjobs.tui.cli.commands.archive import print_archive_limits
from gjobs.tui.cli.output import ExitCode, Output, UsageError, print_message, put
from gjobs.tui.cli.parser import add_command
from gjobs.tui.cli.sessions import in_session, print_moment

if TYPE_CHECKING:
    from prometheus_client import Metric

    from gjobs.store.store import Store
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session


async def show_waste(session: "Session", output: Output, by: str, project_id: UUID | None) -> None:
    waste = await session.store.get_waste(WasteKey(by), project_id)
    if output.json:
        output.document(json_documents.waste(waste))
    else:
        _show(output, waste)
    from gjobs.tui.text.statistics_text import sentences

    for sentence in sentences(waste):
        print_message(sentence)


def _show(output: Output, waste: Waste) -> None:
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.statistics_text import NUMBERS, TOTAL, WASTE_TITLES, numbers, printed_name

    output.table(
        [
            TableColumn(title=WASTE_TITLES[waste.by], narrowest=12),
            *(TableColumn(title=one, right=True) for one in NUMBERS),
        ],
        [
            *([printed_name(row, waste.by), *numbers(row)] for row in waste.rows),
            [TOTAL, *numbers(waste.total)],
        ],
    )


def add_stats(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "stats",
        Command(run=show_statistics, shows_moments=True),
        help="show the number and cost of jobs by status",
        example="gjobs stats --project 'Autumn catalog' --json",
    )
    parser.add_argument("--project", metavar="ID|NAME", help="only jobs of this project")
    parser.add_argument(
        "--by",
        choices=["project", "mode", "user", "group", "day"],
        help="project: cost by project and status; mode: how long jobs wait and run; the others need --waste",
    )
    parser.add_argument(
        "--waste", action="store_true", help="the cost of failed jobs and of retries, by mode (default) or as --by says"
    )
    parser.add_argument("--archive", action="store_true", help="include the archived jobs")
    parser.add_argument(
        "--window", type=job_age, metavar="SPAN", help="with --by mode: the last 30m, 24h (default) or 7d"
    )


def show_statistics(
    settings: Settings,
    output: Output,
    *,
    project: str | None,
    by: str | None,
    waste: bool,
    archive: bool,
    window: timedelta | None,
) -> ExitCode:
    if settings.moment is not None and (by is not None or waste or archive):
        raise UsageError(
            "--at shows only counts and costs by status, without the archive.",
            hint="Leave --by, --waste and --archive out.",
        )
    return _show_statistics_of(settings, output, project=project, by=by, waste=waste, archive=archive, window=window)


@in_session
async def _show_statistics_of(
    session: "Session",
    output: Output,
    *,
    project: str | None,
    by: str | None,
    waste: bool,
    archive: bool,
    window: timedelta | None,
) -> ExitCode:
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
    chosen = None if project is None else await find_project(session.store, project, takes_prefix=True)
    project_id = chosen.id if chosen else None
    if waste:
        await show_waste(session, output, by or "mode", project_id)
    elif by == "mode":
        monitoring = await session.store.get_job_timings(project_id, window=window or DAY)
        if output.json:
            output.document(json_documents.monitoring(monitoring))
        else:
            _show_monitoring(output, monitoring)
    elif by == "project":
        await _by_project(session, output, project_id, archive=archive)
    else:
        await _by_status(session, output, project_id, archive=archive)
    return ExitCode.DONE


async def _by_status(session: "Session", output: Output, project_id: UUID | None, *, archive: bool) -> None:
    if archive:
        from gjobs.store.retention.archive import get_statistics_with_archive

        statistics = await get_statistics_with_archive(session.store, project_id)
    else:
        statistics = await session.store.get_job_statistics(project_id)
    for words in statistics.cautions:
        print_message(words)
    if output.json:
        partial_claims = await session.store.actor_database.partial_claims()
        output.document(json_documents.statistics(statistics, partial_claims=partial_claims))
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
        output.document(json_documents.rows(summary))
        if archive:
            await print_archive_limits(session)
    else:
        _show_summary(output, summary, await project_names(session.store))
        await _print_archive_note(session, is_included=archive)
    if len(summary) == MAX_LIMIT:
        print_message(f"These are the {MAX_LIMIT:,} most expensive rows. There may be more.")


def _show_statistics(output: Output, statistics: JobStatistics) -> None:
    from gjobs.store.values.formats import money
    from gjobs.tui.cli.text_tables import STATUS_COLUMN, TableColumn
    from gjobs.tui.text.format import count, percent
    from gjobs.tui.text.status_text import status_word

    columns = (
        STATUS_COLUMN,
        TableColumn(title="JOBS", right=True),
        TableColumn(title="COST", right=True),
        TableColumn(title="AVERAGE", right=True),
    )
    rows = [
        [status_word(row.status), count(row.count), money(row.total_cost_cents), money(round(row.avg_cost_cents))]
        for row in statistics
    ]
    average = statistics.avg_cost_cents
    rows.append(
        [
            "total",
            count(statistics.total_count),
            money(statistics.total_cost_cents),
            "-" if average is None else money(round(average)),
        ]
    )
    output.table(columns, rows)
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
    if (await session.store.capability_cache.get()).missing(Capability.ARCHIVE, session.store.actor) is not None:
        return
    from gjobs.store.retention.archive import count_some_archived
    from gjobs.tui.text.format import count

    if (archived := await count_some_archived(session.store)).number:
        more = "more than " if archived.is_more else ""
        print_message(f"Excludes {more}{count(archived.number)} archived jobs. Add --archive to include them.")


def _show_monitoring(output: Output, monitoring: JobTimings) -> None:
    from gjobs.tui.cli.text_tables import TableColumn
    from gjobs.tui.text.statistics_text import TIMING_TITLES, cells, summary

    columns = [
        TableColumn(title=title, right=number > 0, narrowest=None if number else 8)
        for number, title in enumerate(TIMING_TITLES)
    ]
    rows = [cells(one, monitoring.taken_at) for one in (*monitoring.by_mode, monitoring.of_all)]
    output.table(columns, rows)
    output.text(f"\n{summary(monitoring)}")


def _show_summary(output: Output, summary: Sequence[JobSummary], names: dict[UUID, str]) -> None:
    from gjobs.store.values.formats import money
    from gjobs.tui.cli.text_tables import STATUS_COLUMN, TableColumn
    from gjobs.tui.text.format import count, local_time
    from gjobs.tui.text.status_text import status_word

    columns = (
        TableColumn(title="PROJECT", narrowest=12),
        STATUS_COLUMN,
        TableColumn(title="JOBS", right=True),
        TableColumn(title="COST", right=True),
        TableColumn(title="AVERAGE", right=True),
        TableColumn(title="LAST JOB"),
    )
    output.table(
        columns,
        [
            [
                names.get(row.project_id, str(row.project_id)),
                status_word(row.status),
                count(row.job_count),
                money(row.total_cost_cents),
                money(round(row.avg_cost_cents)),
                local_time(row.last_job_at),
            ]
            for row in summary
        ],
    )


PORT = 9108


def add_metrics(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "metrics",
        Command(run=print_metrics, actor_rule=ActorRule.OPERATOR_UNLESS_ASKED, has_json=False),
        help="print statistics for monitoring, or serve them",
        example="gjobs metrics --serve",
    )
    add = parser.add_argument
    add(
        "--window",
        type=job_age,
        metavar="SPAN",
        default=DAY,
        help="show durations and failures of the last 30m, 24h (default) or 7d",
    )
    add(
        "--serve",
        type=port,
        nargs="?",
        const=PORT,
        metavar="PORT",
        help=f"serve the statistics at /metrics on a port of this machine only (default: {PORT}), until stopped",
    )


@in_session
async def print_metrics(session: "Session", output: Output, *, window: timedelta, serve: int | None) -> ExitCode:
    if serve is not None:
        return await _serve(session.store, window, serve)
    from prometheus_client.openmetrics.exposition import generate_latest

    from gjobs.tui.cli.commands.metrics import Collected

    metrics = await _collect(session.store, window)
    text = generate_latest(Collected(metrics)).decode()  # type: ignore[no-untyped-call]
    if output.is_terminal:
        from gjobs.tui.text.clean_text import clean_block

        text = clean_block(text)
    put(text)
    return ExitCode.DONE


async def _collect(store: "Store", window: timedelta) -> "list[Metric]":
    from gjobs.tui.cli.commands.metrics import families

    return list(families(await store.get_job_statistics(), await store.get_job_timings(window=window)))


async def _serve(store: "Store", window: timedelta, port: int) -> ExitCode:
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
    return ExitCode.DONE
