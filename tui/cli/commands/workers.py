"""`gjobs workers`."""

from typing import TYPE_CHECKING

from tui.cli import jsonable
from tui.cli.command import Command, Eyes
from tui.cli.exit_codes import ExitCode
from tui.cli.lookup import MOST_ROWS
from tui.cli.output import Output, say
from tui.cli.parser import add_command
from tui.cli.sessions import in_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.model.worker import HeldJob, WorkerStatus
    from tui.cli.jsonable import Json
    from tui.cli.parser import Commands
    from tui.session import Session


def add_workers(commands: "Commands") -> None:
    add_command(
        commands,
        "workers",
        Command(run=list_workers, eyes=Eyes.OPERATOR_UNLESS_ASKED),
        help="list the workers, and what they hold",
        example="gjobs workers --json",
    )


@in_session
async def list_workers(session: "Session", output: Output) -> ExitCode:
    force = await session.store.get_workforce(limit=MOST_ROWS)
    workers = force.workers
    if output.json:
        output.document([_document(worker, force.held) for worker in workers])
        return ExitCode.DONE
    from tui.cli.tables import Column
    from tui.words.format import count, duration, local_time

    columns = (
        Column(title="NAME", narrowest=10),
        Column(title="STATE"),
        Column(title="HOLDS", right=True),
        Column(title="FOR", right=True),
        Column(title="LAST SEEN"),
        Column(title="MODES", narrowest=10),
    )
    output.table(
        columns,
        [
            [
                worker.name,
                _state(worker),
                f"{count(worker.held_jobs)} of {count(worker.concurrency)}",
                duration((worker.taken_at - worker.held_since).total_seconds()) if worker.held_since else "-",
                local_time(worker.seen_at),
                "all" if worker.modes is None else ", ".join(worker.modes),
            ]
            for worker in workers
        ],
    )
    if not workers:
        say("No worker has run here within a week.")
    return ExitCode.DONE


def _state(worker: "WorkerStatus") -> str:
    if worker.stopped_at is not None:
        return "stopped"
    return "alive" if worker.is_alive else "silent"


def _document(worker: "WorkerStatus", held: "Sequence[HeldJob]") -> "Json":
    return {
        "id": str(worker.id),
        "user_id": str(worker.user_id) if worker.user_id else None,
        "name": worker.name,
        "host": worker.host,
        "process": worker.process,
        "modes": None if worker.modes is None else list(worker.modes),
        "concurrency": worker.concurrency,
        "state": _state(worker),
        "held_jobs": worker.held_jobs,
        "held_since": jsonable.time(worker.held_since) if worker.held_since else None,
        "started_at": jsonable.time(worker.started_at),
        "seen_at": jsonable.time(worker.seen_at),
        "stopped_at": jsonable.time(worker.stopped_at) if worker.stopped_at else None,
        "jobs": [_held_document(job) for job in held if job.owner == worker.id],
    }


def _held_document(job: "HeldJob") -> "Json":
    return {
        "id": str(job.job_id),
        "mode": job.mode,
        "project_id": str(job.project_id),
        "attempt": job.attempt,
        "claimed_at": jsonable.time(job.acquired_at),
        "expires_at": jsonable.time(job.expires_at),
        "note": job.note,
    }
