"""The writes that a person has asked for, derived from the screen that receives each key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from textual import events
from textual.command import CommandList

from gjobs.store.jobs.job import GenerationJob, JobStatus
from gjobs.store.journal.write_record import JournalEntry, WriteOutcome
from gjobs.tui.dashboard.details.job_details import JobDetails
from gjobs.tui.dashboard.dialogs.dialog import ConfirmDialog
from gjobs.tui.dashboard.dialogs.form import FormDialog
from gjobs.tui.dashboard.frame.app import GjobsApp
from gjobs.tui.dashboard.list.job_table import JobTable
from gjobs.tui.dashboard.panels.screen import DashboardScreen

Row = Mapping[str, Any]

Rows = Mapping[str, Row]
"""By their ids."""

_STORED = ("status", "error", "mode", "cost_cents", "project_id")

_TARGETS = {"s": JobStatus.RUNNING, "c": JobStatus.SUCCEEDED, "f": JobStatus.FAILED}
_ACTIONS = {"s": "transition", "c": "transition", "f": "transition", "r": "retry", "d": "delete", "delete": "delete"}
_WITHOUT_JOBS = {"n": "create", "U": "restore", "P": "project", "b": "budget"}
_COMMANDS = dict(
    zip(
        ("Start", "Complete", "Fail", "Retry", "Delete", "New", "Undo", "New project", "Budgets"),
        "scfrdnUPb",
        strict=True,
    )
)
"""What the palette calls these keys."""
_QUESTIONS = {"BudgetsDialog": "budget", "ArchiveDialog": "restore", "CleanupDialog": "clean up"}
"""The subject of the questions that each of these dialogs asks."""
_MOVED = {"status", "error", "updated_at", "completed_at"}
"""Columns that a transition may change."""


def outcomes(before: Rows, written: Iterable[JournalEntry]) -> list[Rows]:
    """Return the states that the jobs may have after the writes, which are given oldest first. A write with an
    unknown outcome may or may not have been done.
    """
    possible: list[Rows] = [{job_id: _stored(row) for job_id, row in before.items()}]
    for entry in written:
        done = [] if entry.outcome is WriteOutcome.NOT_DONE else [_written(rows, entry) for rows in possible]
        possible = done if entry.outcome is WriteOutcome.DONE else [*possible, *done]
    return possible


def _written(rows: Rows, entry: JournalEntry) -> Rows:
    after = {str(row["id"]): _stored(row) for row in entry.after if "mode" in row}
    gone = {str(identifier) for identifier in entry.ids} - after.keys()
    return {**{job_id: row for job_id, row in rows.items() if job_id not in gone}, **after}


def stored_jobs(rows: Rows) -> Rows:
    """Return the columns of the jobs that the journal records."""
    return {job_id: _stored(row) for job_id, row in rows.items()}


def _stored(row: Row) -> Row:
    return {name: row[name] for name in _STORED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An action that a person requested, with the jobs as the person saw them."""

    kind: str
    jobs: tuple[GenerationJob, ...] = ()
    target: JobStatus | None = None

    def seen(self, job_id: str) -> GenerationJob | None:
        return next((job for job in self.jobs if str(job.id) == job_id), None)


@dataclass(slots=True)
class Person:
    """Reads the screen as each key is delivered. `asked` is what the open question or form is about."""

    confirmed: list[Intent] = field(default_factory=list)
    asked: Intent | None = None
    gone: dict[str, Row] = field(default_factory=dict)
    """Jobs that were deleted or archived: they may come back as they were."""

    def press(self, app: GjobsApp, event: events.Event) -> None:
        if isinstance(event, events.Key):
            screen, key = app.screen, event.key
            focused = app.focused.id if app.focused else None
            agrees = key == "enter" or (key == "space" and focused == "agree")
            if isinstance(screen, DashboardScreen):
                self._on_dashboard(app, event.character if event.is_printable and event.character else key)
            elif isinstance(screen, JobDetails):
                self._act(event.character or key, (screen.job,), is_single=True)
            elif isinstance(screen, ConfirmDialog):
                self._confirm(key == "y" or (agrees and focused == "agree"))
            elif screen.query(CommandList):
                self._command(app, key)
            elif (name := type(screen).__name__) in _QUESTIONS:
                self.asked = Intent(kind=_QUESTIONS[name])
            elif isinstance(screen, FormDialog):
                self._confirm(agrees)

    def _on_dashboard(self, app: GjobsApp, key: str) -> None:
        if key in _WITHOUT_JOBS:
            self.asked = Intent(kind=_WITHOUT_JOBS[key])
            self._confirm(key == "U")
        elif isinstance(app.focused, JobTable):
            jobs = app.dashboard.jobs.selected
            self._act(key, jobs, is_single=len(jobs) == 1)

    def _command(self, app: GjobsApp, key: str) -> None:
        commands = app.screen.query_one(CommandList)
        if key != "enter" or commands.highlighted is None:
            return
        title = str(commands.get_option_at_index(commands.highlighted).prompt).partition(" (")[0]
        pressed = _COMMANDS.get(title, "")
        if pressed in _WITHOUT_JOBS:
            self.asked = Intent(kind=_WITHOUT_JOBS[pressed])
            self._confirm(pressed == "U")
        else:
            jobs = app.dashboard.jobs.selected
            self._act(pressed, jobs, is_single=len(jobs) == 1)

    def _act(self, key: str, jobs: tuple[GenerationJob, ...], *, is_single: bool) -> None:
        if key in _ACTIONS:
            self.asked = Intent(kind=_ACTIONS[key], jobs=jobs, target=_TARGETS.get(key))
            self._confirm(is_single and key in "scr")

    def _confirm(self, is_confirmed: bool) -> None:
        if is_confirmed and self.asked is not None:
            self.confirmed.append(self.asked)

    # Outcome

    def wrong_writes(self, before: Rows, after: Rows) -> list[str]:
        """Changes of the jobs that nobody asked for."""
        wrong: list[str] = []
        room = sum(len(one.jobs) or 1 for one in self.confirmed if one.kind in ("create", "retry"))
        for job_id in sorted(before.keys() | after.keys()):
            was, became = before.get(job_id), after.get(job_id)
            if was is not None and became is not None and was != became:
                wrong += self._wrong_move(job_id, was, became)
            elif was is not None and became is None:
                wrong += self._wrong_end(job_id, was)
                self.gone[job_id] = was
            elif was is None and became is not None and self.gone.get(job_id) == became:
                wrong += [] if self._any("restore") else [f"{job_id} came back"]
            elif was is None and became is not None:
                room -= 1
                # The cursor goes to a new job, so later keys may have changed the job's status.
                statuses = {"queued", *self._reachable(job_id, "queued")}
                wrong += [f"{job_id} is new: {became}"] if room < 0 or became["status"] not in statuses else []
        return wrong

    def wrong_others(self, kind: str, before: Rows, after: Rows) -> list[str]:
        """Changes of rows of another kind, such as projects, that nobody asked for."""
        return [] if before == after or self._any(kind) else [f"{kind}: {before} became {after}"]

    def _wrong_move(self, job_id: str, was: Row, became: Row) -> Iterable[str]:
        changed = {name for name in was if was[name] != became[name]}
        if not changed <= _MOVED or became["status"] not in self._reachable(job_id, was["status"]):
            yield f"{job_id} went from {was} to {became}"

    def _reachable(self, job_id: str, status: str) -> set[str]:
        """Return the statuses that the job can reach through moves that were requested for it. Whether the job really
        moved is found by comparing the rows.
        """
        reached: set[str] = set()
        for _ in JobStatus:
            for one in self.confirmed:
                target = one.target
                if target and one.seen(job_id) and {status, *reached} & {source.value for source in target.sources}:
                    reached.add(target.value)
        return reached

    def _wrong_end(self, job_id: str, was: Row) -> Iterable[str]:
        """Report a deletion unless the person saw the job in this status or moved it there."""
        if self._any("clean up"):
            return
        moved = self._reachable(job_id, was["status"])
        seen = [job for one in self.confirmed if one.kind == "delete" and (job := one.seen(job_id))]
        if not any(job.status in {was["status"], *moved} for job in seen):
            yield f"{job_id} was deleted: {was}"

    def _any(self, *kinds: str) -> bool:
        return any(one.kind in kinds for one in self.confirmed)
