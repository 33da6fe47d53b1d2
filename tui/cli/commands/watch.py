"""`gjobs watch`: a line for each change of a job's status, as it happens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from store.settings import Settings
from tui.cli import arguments
from tui.cli.command import Command
from tui.cli.exit_codes import ExitCode
from tui.cli.output import Output, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session
from tui.cli.signals import orderly_termination
from tui.cli.typed import not_empty
from tui.cli.views import narrowed

if TYPE_CHECKING:
    from store.filters import JobFilter
    from tui.cli.parser import Commands
    from tui.cli.watching.conditions import Condition
    from tui.cli.watching.place import Place
    from tui.cli.watching.receivers import Receiver
    from tui.session import Session

INTERVAL = 1.0
"""Seconds between two looks."""
MAY_MISS = "What comes and goes between two looks is missed."


def add_watch(commands: "Commands") -> None:
    parser = add_command(
        commands,
        "watch",
        Command(run=watch_jobs),
        help="print a line whenever a job changes its status",
        example="gjobs watch --filter mode:lifestyle --until 'failed>5' --until left=0",
    )
    parser.usage = "%(prog)s [OPTION ...]"
    add = parser.add_argument
    add(
        "--filter",
        dest="job_filter",
        type=arguments.job_filter,
        metavar="EXPR",
        help="of jobs that match, as in 'jobs list'",
    )
    add("--view", metavar="NAME", help="of jobs that a saved view has")
    add(
        "--until",
        dest="conditions",
        type=arguments.condition,
        action="append",
        default=[],
        metavar="CONDITION",
        help="end with exit code 8 when it holds, as failed>5, finished>=100 or left=0; may be given again",
    )
    add(
        "--exec",
        dest="program",
        type=not_empty,
        metavar="CMD",
        help="run this for each, with its JSON on standard input",
    )
    add("--webhook", type=not_empty, metavar="URL", help="post each as JSON, signed with GJOBS_WEBHOOK_SECRET")
    add("--resume", type=not_empty, metavar="FILE", help="go on where the last watch with this file ended")


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
    """With --json a document a line."""
    from tui.cli.watching.place import Place

    found = narrowed(settings, view, job_filter)
    with orderly_termination():
        return _watch(
            settings,
            output,
            job_filter=found,
            conditions=conditions,
            program=program,
            webhook=webhook,
            place=None if resume is None else Place(Path(resume)),
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
    place: "Place | None",
) -> ExitCode:
    from store.watching.observed import Observed
    from tui.cli.watching.receivers import ReaderGone
    from tui.cli.watching.until import Until
    from tui.cli.watching.watcher import Watcher

    after = place.read() if place else None
    watch = await session.store.watch(job_filter, after=after)
    if isinstance(watch, Observed):
        say(f"{MAY_MISS} {watch.off.words}")
    until = Until(session.store, job_filter, conditions)
    async with _receivers(output, program, webhook) as receivers:
        watcher = Watcher(
            watch,
            receivers,
            until,
            interval=INTERVAL,
            keep=place.keep if place else None,
            revive=session.revive,
        )
        try:
            met = await watcher.run()
        except ReaderGone:
            return ExitCode.DONE
    say(f"It holds that {met}.")
    return ExitCode.FOUND


@asynccontextmanager
async def _receivers(output: Output, program: str | None, webhook: str | None) -> "AsyncIterator[Sequence[Receiver]]":
    from tui.cli.watching.receivers import ANSWER_TIME, Printer, Program, Webhook, webhook_secret, webhook_url

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
