"""gjobs watch: options and set-up."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings
from gjobs.store.filters.filter_terms import JobFilter
from gjobs.tui.cli.arguments import FILTER, combined_filter
from gjobs.tui.cli.command import Command, option, repeated
from gjobs.tui.cli.output import ExitCode, Output, not_empty, print_message
from gjobs.tui.cli.sessions import in_session

if TYPE_CHECKING:
    from gjobs.tui.cli.commands.watch_loop import Condition
    from gjobs.tui.session import Session


def _condition(text: str) -> "Condition":
    """Parse a condition. Raises InvalidValue."""
    from gjobs.tui.cli.commands.watch_loop import parse

    return parse(text)


INTERVAL = 1.0
"""Seconds between two polls."""
MAY_MISS = "The watch misses changes that are undone between two polls."


@Command(
    name="watch",
    example="gjobs watch --filter mode:lifestyle --until 'failed>5' --until left=0",
    usage="%(prog)s [OPTION ...]",
)
def watch_jobs(
    settings: Settings,
    output: Output,
    *,
    job_filter: JobFilter | None = FILTER,
    view: str | None = option(str, "NAME", "only jobs of this saved view"),
    conditions: "Sequence[Condition]" = repeated(
        _condition,
        "CONDITION",
        "exit with 8 when this condition is met, such as failed>5, finished>=100 or left=0; may be repeated",
        flag="--until",
    ),
    program: str | None = option(
        not_empty,
        "CMD",
        "run this program for each change, with the change as JSON on standard input",
        flag="--exec",
    ),
    webhook: str | None = option(not_empty, "URL", "post each change as JSON, signed with GJOBS_WEBHOOK_SECRET"),
    resume: str | None = option(not_empty, "FILE", "continue where the last watch with this file ended"),
) -> ExitCode:
    """Print a line whenever a job changes status.

    With --json, print one document per line.
    """
    from gjobs.store.watch.watch import ObservedWatch
    from gjobs.tui.cli.commands.watch_loop import ReaderGone, ResumeFile, StopCondition, Watcher, open_receivers

    found = combined_filter(settings, view, job_filter)
    place = None if resume is None else ResumeFile(Path(resume))

    @in_session
    async def run(session: "Session", output: Output) -> ExitCode:
        after = place.read() if place else None
        watch = await session.store.watch(found, after=after)
        if isinstance(watch, ObservedWatch):
            print_message(f"{MAY_MISS} {watch.missing.words}")
        until = StopCondition(session.store, found, conditions)
        print_message(await until.check())
        async with open_receivers(output, program, webhook) as receivers:
            watcher = Watcher(
                watch.read,
                receivers,
                until,
                interval=INTERVAL,
                keep=place.keep if place else None,
                restart_if_dead=session.restart_if_dead,
            )
            try:
                met = await watcher.run()
            except ReaderGone:
                return ExitCode.DONE
        print_message(f"Condition met: {met}.")
        return ExitCode.FOUND

    return run(settings, output)
