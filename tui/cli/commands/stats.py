"""`gjobs stats`: counts and costs by status or by project, and how long jobs wait and run by mode."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from store.capabilities import Feature
from store.model import JobStatistics, JobSummary
from store.monitoring.model import DAY, Monitoring
from tui.cli import jsonable
from tui.cli.arguments import age
from tui.cli.command import Command
from tui.cli.errors import UsageError
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import MOST_ROWS, find_project, project_names
from tui.cli.output import Output, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from tui.cli.parser import Commands
    from tui.session import Session


def add_stats(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "stats",
        Command(run=show_statistics),
        help="count and price the jobs by status",
        example="gjobs stats --project 'Autumn catalog' --json",
    )
    parser.add_argument("--project", metavar="ID|NAME", help="of this project only")
    parser.add_argument(
        "--by", choices=["project", "mode"], help="cost by project and status; or by mode how long jobs wait and run"
    )
    parser.add_argument("--archive", action="store_true", help="with the archived jobs; else without them")
    parser.add_argument(
        "--window", type=age, metavar="SPAN", help="with --by mode: of the last 30m, 24h (this if not said), 7d"
    )


@in_session
async def show_statistics(
    session: "Session",
    output: Output,
    *,
    project: str | None,
    by: str | None,
    archive: bool,
    window: timedelta | None,
) -> ExitCode:
    if window is not None and by != "mode":
        raise UsageError("--window is of the times that jobs take.", hint="Add --by mode, or leave --window out.")
    if archive and by == "mode":
        raise UsageError("--archive is of what jobs cost, not of their times.", hint="Leave --by or --archive out.")
    chosen = None if project is None else await find_project(session.store, project)
    project_id = chosen.id if chosen else None
    if by is None:
        if archive:
            from store.retention.archive import get_statistics_with_archive

            statistics = await get_statistics_with_archive(session.store, project_id)
        else:
            statistics = await session.store.get_job_statistics(project_id)
        if output.json:
            output.document(jsonable.statistics(statistics))
        else:
            _show_statistics(output, statistics)
            await _tell_archive(session, is_included=archive)
        return ExitCode.DONE
    if by == "mode":
        monitoring = await session.store.get_monitoring(project_id, window=window or DAY)
        if output.json:
            output.document(jsonable.monitoring(monitoring))
        else:
            _show_monitoring(output, monitoring)
        return ExitCode.DONE
    if archive:
        from store.retention.archive import get_summary_with_archive

        summary = await get_summary_with_archive(session.store, project_id, limit=MOST_ROWS)
    else:
        summary = await session.store.get_job_summary(project_id, limit=MOST_ROWS)
    if output.json:
        output.document(jsonable.rows(summary))
    else:
        _show_summary(output, summary, await project_names(session.store))
        await _tell_archive(session, is_included=archive)
    if len(summary) == MOST_ROWS:
        say(f"These are the dearest {MOST_ROWS:,} rows; there may be more.")
    return ExitCode.DONE


def _show_statistics(output: Output, statistics: JobStatistics) -> None:
    from tui.cli.tables import STATUS_COLOURS, Column
    from tui.words.format import count, money, percent

    columns = (
        Column(title="STATUS", colours=STATUS_COLOURS),
        Column(title="JOBS", right=True),
        Column(title="COST", right=True),
        Column(title="AVERAGE", right=True),
    )
    rows = [
        [row.status.value, count(row.count), money(row.total_cost_cents), money(round(row.avg_cost_cents))]
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
        output.text("\nNothing has finished.")
        return
    finished, of_all = percent(statistics.success_rate_finished), percent(statistics.success_rate)
    output.text(f"\nSucceeded: {finished} of the finished jobs, {of_all} of all.")


async def _tell_archive(session: "Session", *, is_included: bool) -> None:
    """Whether the numbers include the archive, where there is one."""
    if is_included:
        say("With the archived jobs.")
        return
    if (await session.store.probed.get()).off(Feature.ARCHIVE, session.store.actor) is not None:
        return
    from store.retention.archive import count_some_archived
    from tui.words.format import count

    if (archived := await count_some_archived(session.store)).number:
        more = "more than " if archived.is_more else ""
        say(f"Without the archived jobs, which are {more}{count(archived.number)}: --archive adds them.")


def _show_monitoring(output: Output, monitoring: Monitoring) -> None:
    from tui.cli.tables import Column
    from tui.words import work

    columns = [
        Column(title=title, right=number > 0, narrowest=None if number else 8)
        for number, title in enumerate(work.TITLES)
    ]
    rows = [work.cells(one, monitoring.taken_at) for one in (*monitoring.by_mode, monitoring.of_all)]
    output.table(columns, rows)
    output.text(f"\n{work.summary(monitoring)}")


def _show_summary(output: Output, summary: Sequence[JobSummary], names: dict[UUID, str]) -> None:
    from tui.cli.tables import STATUS_COLOURS, Column
    from tui.words.format import count, local_time, money

    columns = (
        Column(title="PROJECT", narrowest=12),
        Column(title="STATUS", colours=STATUS_COLOURS),
        Column(title="JOBS", right=True),
        Column(title="COST", right=True),
        Column(title="AVERAGE", right=True),
        Column(title="LAST JOB"),
    )
    output.table(
        columns,
        [
            [
                names.get(row.project_id, str(row.project_id)),
                row.status.value,
                count(row.job_count),
                money(row.total_cost_cents),
                money(round(row.avg_cost_cents)),
                local_time(row.last_job_at),
            ]
            for row in summary
        ],
    )
