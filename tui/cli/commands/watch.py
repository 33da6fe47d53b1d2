"""gjobs watch: options and set-up."""

from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gjobs.store.configuration.settings import Settings
from gjobs.tui.cli.arguments import add_filter, narrowed
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.output import ExitCode, Output, not_empty, print_message
from gjobs.tui.cli.parser import add_command
from gjobs.tui.cli.sessions import in_session, orderly_termination

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from gjobs.store.filters.filter_terms import JobFilter
    from gjobs.tui.cli.commands.watch_loop import Condition, Receiver, ResumeFile
    from gjobs.tui.cli.parser import Commands
    from gjobs.tui.session import Session


def condition(text: str) -> "Condition":
    """Parse a condition. Raises InvalidValue."""
    from gjobs.tui.cli.commands.watch_loop import parse

    return parse(text)


INTERVAL = 1.0
"""Seconds between two polls."""
MAY_MISS = "The watch misses changes that are undone between two polls."


def add_watch(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "watch",
        Command(run=watch_jobs),
        help="print a line whenever a job changes status",
        example="gjobs watch --filter mode:lifestyle --until 'failed>5' --until left=0",
    )
    parser.usage = "%(prog)s [OPTION ...]"
    add = parser.add_argument
    add_filter(parser)
    add("--view", metavar="NAME", help="only jobs of this saved view")
    add(
        "--until",
        dest="conditions",
        type=condition,
        action="append",
        default=[],
        metavar="CONDITION",
        help="exit with 8 when this condition is met, such as failed>5, finished>=100 or left=0; may be repeated",
    )
    add(
        "--exec",
        dest="program",
        type=not_empty,
        metavar="CMD",
        help="run this program for each change, with the change as JSON on standard input",
    )
    add("--webhook", type=not_empty, metavar="URL", help="post each change as JSON, signed with GJOBS_WEBHOOK_SECRET")
    add("--resume", type=not_empty, metavar="FILE", help="continue where the last watch with this file ended")


def watch_jobs(
    settings: Settings,
    output: Output,
    *,
    job_filter: "JobFilter | None",
    view: str | None,
    conditions: "Sequence[Condition]",
    program: str | None,
    webhook: str | None,
    resume: str | None,
) -> ExitCode:
    """Watch jobs. With --json, print one document per line."""
    from gjobs.tui.cli.commands.watch_loop import ResumeFile

    found = narrowed(settings, view, job_filter)
    with orderly_termination(json=output.json):
        return _watch(
            settings,
            output,
            job_filter=found,
            conditions=conditions,
            program=program,
            webhook=webhook,
            place=None if resume is None else ResumeFile(Path(resume)),
        )


@in_session
async def _watch(
    session: "Session",
    output: Output,
    *,
    job_filter: "JobFilter",
    conditions: "Sequence[Condition]",
    program: str | None,
    webhook: str | None,
    place: "ResumeFile | None",
) -> ExitCode:
    from gjobs.store.watch.watch import ObservedWatch
    from gjobs.tui.cli.commands.watch_loop import ReaderGone, StopCondition, Watcher

    after = place.read() if place else None
    watch = await session.store.watch(job_filter, after=after)
    if isinstance(watch, ObservedWatch):
        print_message(f"{MAY_MISS} {watch.missing.words}")
    until = StopCondition(session.store, job_filter, conditions)
    if words := await until.check():
        print_message(words)
    async with _receivers(output, program, webhook) as receivers:
        watcher = Watcher(
            watch,
            receivers,
            until,
            interval=INTERVAL,
            keep=place.keep if place else None,
            revive=session.restart_if_dead,
        )
        try:
            met = await watcher.run()
        except ReaderGone:
            return ExitCode.DONE
    print_message(f"Condition met: {met}.")
    return ExitCode.FOUND


@asynccontextmanager
async def _receivers(output: Output, program: str | None, webhook: str | None) -> "AsyncIterator[Sequence[Receiver]]":
    from gjobs.tui.cli.commands.watch_loop import ANSWER_TIME, Printer, Program, Webhook, webhook_secret, webhook_url

    receivers: list[Receiver] = [Printer(output)]
    async with AsyncExitStack() as stack:
        if program is not None:
            receivers.append(Program(program))
        if webhook is not None:
            import httpx

            url, secret = webhook_url(webhook), webhook_secret()
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=ANSWER_TIME))
            receivers.append(Webhook(client, url, secret))
        yield receivers
