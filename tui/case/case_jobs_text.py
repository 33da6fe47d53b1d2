"""The sections of a case's Markdown about jobs: the job of the case, the list, failures and timelines."""

from collections.abc import Iterator
from datetime import datetime

from gjobs.store.error_groups.error_group import ErrorGroup
from gjobs.store.formats import money
from gjobs.store.jobs.job import GenerationJob, job_times
from gjobs.store.jobs.job_history import JobHistory, time_in_each
from gjobs.tui.case.case_words import CaseWords
from gjobs.tui.case.markdown import block, cell, code, table
from gjobs.tui.text.error_group_text import modes_words
from gjobs.tui.text.format import count, duration, error_pretty, error_summary, jobs_count
from gjobs.tui.text.job_text import actor_words, cost_words, event_words, note_words, stuck_words
from gjobs.tui.text.status_text import status_word

MOST_LISTED_JOBS = 20
"""The newest jobs in the text. JSON and CSV have more."""
_MOST_GROUPS = 20
_MOST_EXAMPLES = 10
"""The groups whose newest errors are shown."""


class JobsText(CaseWords):
    """Makes the sections. Each is empty if there is nothing to say."""

    def subject(self) -> Iterator[str]:
        subject = self.case.subject
        if subject is None:
            return
        yield "## The job"
        yield ""
        job, deletion = self.case.subject_job, self.case.deletion
        if deletion is not None:
            yield f"The job was deleted at {self.time(deletion.at)}. Its events are below."
            return
        if job is None:
            yield "The job was deleted, or it is hidden from the reader. Its events are below."
            return
        if subject.archived_at:
            yield f"The job was archived at {self.time(subject.archived_at)}. These are its last values."
            yield ""
        yield from table(("fact", "value"), self._job_facts(job))
        if subject.asset is not None:
            asset = subject.asset
            size = f", {asset.width} × {asset.height}" if asset.width and asset.height else ""
            kind = f"{asset.kind} {asset.mime_type or ''}".strip()
            yield ""
            yield f"Input asset `{asset.id}`: {code(kind)}{size}, stored at {code(asset.storage_path)}"
        if subject.links.repeats or subject.links.repeated_by:
            yield ""
        if subject.links.repeats:
            yield f"- It repeats the job `{subject.links.repeats}`."
        for repeat in subject.links.repeated_by:
            yield f"- The job `{repeat}` repeats it."
        if words := stuck_words(subject.stuck):
            yield ""
            yield words
        if job.error:
            yield ""
            yield from block(error_pretty(job.error))

    def _job_facts(self, job: GenerationJob) -> Iterator[tuple[str, str]]:
        yield "status", cell(status_word(job.status))
        yield "mode", cell(job.mode)
        yield "cost", money(job.cost_cents)
        yield "project", f"{cell(self.project(job.project_id))}, `{job.project_id}`"
        yield "created", self.time(job.created_at)
        yield "updated", self.time(job.updated_at)
        times = job_times(job, None)
        for name, time in (("wait", times.wait), ("run", times.run), ("total", times.total)):
            if time is not None:
                yield name, duration(time.total_seconds())
        if job.retry_count is not None:
            yield "retries", count(job.retry_count)

    def jobs(self) -> Iterator[str]:
        case = self.case
        listed = case.jobs[:MOST_LISTED_JOBS]
        yield "## Jobs"
        yield ""
        if not listed:
            yield "The user has no jobs."
            return
        total = max(case.total_count, len(listed))
        number = f"{'more than ' if case.are_costs_capped else ''}{jobs_count(total)}"
        yield f"The newest {count(len(listed))} of {number}:" if len(listed) < total else f"All {number}:"
        yield ""
        titles = ("created", "id", "status", "mode", "cost", "run", "total", "project", "error")
        yield from table(titles, map(self._job_row, listed))

    def _job_row(self, job: GenerationJob) -> tuple[str, ...]:
        summary, times = error_summary(job.error), job_times(job, None)
        return (
            self.time(job.created_at),
            f"`{job.id}`",
            cell(status_word(job.status)) + (", stuck" if job.id in self.case.stuck_ids else ""),
            cell(job.mode, limit=40),
            money(job.cost_cents),
            *("" if time is None else duration(time.total_seconds()) for time in (times.run, times.total)),
            cell(self.project(job.project_id), limit=40),
            cell(summary, limit=80) if summary else "",
        )

    def failures(self) -> Iterator[str]:
        found = self.case.failures
        if found is None or not found.groups:
            return
        groups = sorted(found.groups, key=lambda group: group.last_seen, reverse=True)
        yield "## Failures"
        yield ""
        days = count(round(found.window.total_seconds() / 86_400))
        counted_groups = f"{count(found.group_count)} {'group' if found.group_count == 1 else 'groups'}"
        yield f"{jobs_count(found.failures)} failed in the last {days} days, in {counted_groups}."
        if not found.complete:
            yield f"Only the newest {count(found.limit)} failures are grouped."
        if found.group_count > _MOST_GROUPS:
            yield f"The {count(_MOST_GROUPS)} groups that failed last are listed."
        if found.group_count > _MOST_EXAMPLES:
            yield f"The newest errors of the first {count(_MOST_EXAMPLES)} follow the table."
        yield ""
        titles = ("error", "jobs", "first", "last", "modes", "cost", "group")
        yield from table(titles, map(self._group_row, groups[:_MOST_GROUPS]))
        for group in groups[:_MOST_EXAMPLES]:
            if group.example_job_id == self.case.job_id:
                yield ""
                yield f"The newest error of the group {code(group.id)} is that of the job above."
            elif group.example:
                yield ""
                yield f"The newest error of the group {code(group.id)}, of the job `{group.example_job_id}`:"
                yield ""
                yield from block(error_pretty(group.example))

    def _group_row(self, group: ErrorGroup) -> tuple[str, ...]:
        return (
            cell(group.name, limit=100),
            count(group.count),
            self.time(group.first_seen),
            self.time(group.last_seen),
            cell(modes_words(group)),
            money(group.cost_cents),
            cell(group.id),
        )

    def timelines(self) -> Iterator[str]:
        shown = [one for one in self.case.timelines if one.events]
        if not shown:
            return
        yield "## Timelines"
        for history in shown:
            yield ""
            yield from self._timeline(history)

    def _timeline(self, history: JobHistory) -> Iterator[str]:
        spent = ", ".join(
            f"{status_word(status)} {duration(time.total_seconds())}"
            for status, time in time_in_each(history.spans).items()
        )
        yield f"### `{history.job_id}`"
        yield ""
        if spent:
            yield f"Time in each status: {code(spent)}"
            yield ""
        yield from table(("time", "after", "event", "cost", "by", "note"), self._event_rows(history))
        if history.is_cut:
            yield ""
            yield f"These are the newest {count(len(history.events))} events."

    def _event_rows(self, history: JobHistory) -> Iterator[tuple[str, ...]]:
        before: datetime | None = None
        for event in history.events:
            note = note_words(event)
            yield (
                self.time(event.at),
                "" if before is None else duration(max((event.at - before).total_seconds(), 0.0)),
                cell(event_words(event), limit=60),
                cost_words(event),
                cell(actor_words(event), limit=80),
                cell(note) if note else "",
            )
            before = event.at
