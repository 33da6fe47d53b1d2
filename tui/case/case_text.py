"""A case as Markdown for a ticket."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from uuid import UUID

from store.budgets.budget import Budget, BudgetState, used_up_at
from store.case.case import Case, CaseVisibility, HiddenJob
from store.doctor.findings import Finding
from store.error_groups.error_group import ErrorGroup
from store.far_times import FarTime
from store.formats import money, plain_time
from store.jobs.job import GenerationJob, JobStatus, in_order
from store.jobs.job_history import JobHistory, time_in_each
from tui.case.build_case import BuiltCase
from tui.case.markdown import block, cell, code, table
from tui.case.redaction import redaction_words
from tui.text.budget_text import left_words, owner_words, period_words, spent_words
from tui.text.error_group_text import modes_words
from tui.text.format import (
    count,
    counted,
    counted_jobs,
    duration,
    error_pretty,
    error_summary,
    is_far,
    jobs_count,
    short_id,
)
from tui.text.job_text import actor_words, cost_words, event_words, note_words, stuck_words
from tui.text.policy_text import deciding_policies, policy_line, why_hidden
from tui.text.status_text import status_word

MOST_LISTED_JOBS = 20
"""The newest jobs in the text. JSON and CSV have more."""
_MOST_GROUPS = 20
_MOST_EXAMPLES = 5
"""The groups of failures whose newest error is shown."""
_MOST_HIDDEN = 20


def zone_name(zone: tzinfo) -> str:
    return str(getattr(zone, "key", None) or zone)


def case_title(case: Case) -> str:
    """Return the e-mail or id of the user, and the job if the case is made for one."""
    who = case.user.email or f"user {case.user.id}"
    return f"job {case.job_id} of {who}" if case.job_id else who


def case_markdown(built: BuiltCase) -> str:
    text = _CaseText(built)
    parts = [text.head(), *(part for make in text.sections if (part := list(make())))]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


class _CaseText:
    def __init__(self, built: BuiltCase) -> None:
        self._built = built
        self._case = built.case
        self._zone = built.zone
        self._names = {one.id: one.name for one in self._case.projects}
        self.sections: Sequence[Callable[[], Iterator[str]]] = (
            self._visibility,
            self._subject,
            self._jobs,
            self._failures,
            self._timelines,
            self._costs,
            self._budgets,
            self._workers,
            self._findings,
            self._settings,
            self._unread,
        )

    def head(self) -> list[str]:
        case, user = self._case, self._case.user
        counts = self._built.counts
        redacted = (
            "Redaction is off. Check the text before you share it." if counts is None else redaction_words(counts)
        )
        who = f"- User: {code(user.email or 'no e-mail')}, id `{user.id}`"
        joined = f", since {self._time(user.created_at)}" if user.created_at else ""
        return [
            f"# Case: {code(case_title(case))}",
            "",
            who + joined,
            *([f"- Job: `{case.job_id}`"] if case.job_id else []),
            f"- Taken: {self._time(case.taken_at)}. All times are in the zone {zone_name(self._zone)}.",
            f"- Database: {code(self._built.database)}, read as {code(case.reader)}",
            f"- {redacted}",
        ]

    def _time(self, time: datetime) -> str:
        """Return ISO 8601 to the second, with the offset of the case's zone."""
        if isinstance(time, FarTime):
            return plain_time(time)
        return time.astimezone(self._zone).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _project(self, project_id: UUID) -> str:
        return self._names.get(project_id) or short_id(project_id)

    def _visibility(self) -> Iterator[str]:
        case, found = self._case, self._case.visibility
        if found is not None:
            yield "## What the user sees"
            yield ""
            yield from _seen_lines(found)
            yield from self._hidden(found)
            if policies := deciding_policies(found.rules):
                yield ""
                yield "The policies that decide it:"
                yield ""
                yield from (f"- {code(policy_line(policy), limit=600)}" for policy in policies)
        if case.projects:
            yield from ([""] if found else ["## Projects", ""])
            titles = ("project", "id", "owner", "the user sees it")
            seen = {True: "yes", False: "no", None: "unknown"}
            owner = {True: "the user", False: "another user"}
            yield from table(
                titles,
                (
                    (cell(one.name), f"`{one.id}`", owner[one.user_id == case.user.id], seen[one.is_seen])
                    for one in case.projects
                ),
            )

    def _hidden(self, found: CaseVisibility) -> Iterator[str]:
        if not found.hidden:
            return
        yield ""
        yield f"Hidden among the newest {count(found.compared)}: {jobs_count(len(found.hidden))}."
        yield code(why_hidden(found.rules), limit=600)
        yield ""
        yield from table(
            ("hidden job", "status", "created", "owner"), map(self._hidden_row, found.hidden[:_MOST_HIDDEN])
        )
        if len(found.hidden) > _MOST_HIDDEN:
            yield ""
            yield f"{count(len(found.hidden) - _MOST_HIDDEN)} more are hidden."

    def _hidden_row(self, job: HiddenJob) -> tuple[str, ...]:
        owner = "the user" if job.user_id == self._case.user.id else f"`{job.user_id}`"
        return f"`{job.id}`", cell(status_word(job.status)), self._time(job.created_at), owner

    def _subject(self) -> Iterator[str]:
        subject = self._case.subject
        if subject is None:
            return
        yield "## The job"
        yield ""
        job = self._case.subject_job
        if job is None:
            yield "The job was deleted, or it is hidden from the reader. Its events are below."
            return
        if subject.archived_at:
            yield f"The job was archived at {self._time(subject.archived_at)}. These are its last values."
            yield ""
        yield from table(("fact", "value"), self._job_facts(job))
        if subject.asset is not None:
            asset = subject.asset
            size = f", {asset.width} × {asset.height}" if asset.width and asset.height else ""
            kind = f"{asset.kind} {asset.mime_type or ''}".strip()
            yield ""
            yield f"Input asset `{asset.id}`: {code(kind)}{size}, stored at {code(asset.storage_path)}"
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
        yield "project", f"{cell(self._project(job.project_id))}, `{job.project_id}`"
        yield "created", self._time(job.created_at)
        yield "updated", self._time(job.updated_at)
        if words := _duration(job):
            yield "duration", words
        if job.retry_count is not None:
            yield "retries", count(job.retry_count)

    def _jobs(self) -> Iterator[str]:
        case = self._case
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
        titles = ("created", "id", "status", "mode", "cost", "duration", "project", "error")
        yield from table(titles, map(self._job_row, listed))

    def _job_row(self, job: GenerationJob) -> tuple[str, ...]:
        summary = error_summary(job.error)
        return (
            self._time(job.created_at),
            f"`{job.id}`",
            cell(status_word(job.status)) + (", stuck" if job.id in self._case.stuck else ""),
            cell(job.mode, limit=40),
            money(job.cost_cents),
            _duration(job),
            cell(self._project(job.project_id), limit=40),
            cell(summary, limit=80) if summary else "",
        )

    def _failures(self) -> Iterator[str]:
        found = self._case.failures
        if found is None or not found.groups:
            return
        yield "## Failures"
        yield ""
        days = count(round(found.window.total_seconds() / 86_400))
        counted_groups = f"{count(found.group_count)} {'group' if found.group_count == 1 else 'groups'}"
        yield f"{jobs_count(found.failures)} failed in the last {days} days, in {counted_groups}."
        if not found.complete:
            yield f"Only the newest {count(found.limit)} failures are grouped."
        yield ""
        titles = ("error", "jobs", "first", "last", "modes", "cost", "group")
        yield from table(titles, map(self._group_row, found.groups[:_MOST_GROUPS]))
        for group in found.groups[:_MOST_EXAMPLES]:
            if group.example and group.example_job_id != self._case.job_id:
                yield ""
                yield f"The newest error of the group {code(group.id)}, of the job `{group.example_job_id}`:"
                yield ""
                yield from block(error_pretty(group.example))

    def _group_row(self, group: ErrorGroup) -> tuple[str, ...]:
        return (
            cell(group.name, limit=100),
            count(group.count),
            self._time(group.first_seen),
            self._time(group.last_seen),
            cell(modes_words(group)),
            money(group.cost_cents),
            cell(group.id),
        )

    def _timelines(self) -> Iterator[str]:
        shown = [one for one in self._case.timelines if one.events]
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
                self._time(event.at),
                "" if before is None else duration(max((event.at - before).total_seconds(), 0.0)),
                cell(event_words(event), limit=60),
                cost_words(event),
                cell(actor_words(event), limit=80),
                cell(note) if note else "",
            )
            before = event.at

    def _costs(self) -> Iterator[str]:
        case = self._case
        if not case.costs:
            return
        yield "## Costs"
        yield ""
        statuses = in_order(one.status for one in case.costs)
        rows = []
        for status in statuses:
            of_status = [one for one in case.costs if one.status == status]
            jobs, cents = sum(one.count for one in of_status), sum(one.cost_cents for one in of_status)
            rows.append((cell(status_word(status)), count(jobs), money(cents)))
        total = sum(one.cost_cents for one in case.costs)
        yield from table(("status", "jobs", "cost"), [*rows, ("total", count(case.total_count), money(total))])
        if case.are_costs_capped:
            yield ""
            yield f"Only the newest {jobs_count(case.total_count)} are counted."

    def _budgets(self) -> Iterator[str]:
        case = self._case
        if case.budgets is None:
            return
        yield "## Budgets"
        yield ""
        if not case.budgets:
            yield "No budget limits the user or these projects."
            return
        yield from table(
            ("budget of", "limit applies", "spent", "left", "forecast"),
            (
                (
                    cell(owner_words(one)),
                    period_words(one.period),
                    spent_words(one),
                    left_words(one),
                    self._forecast(one),
                )
                for one in case.budgets
            ),
        )

    def _forecast(self, budget: Budget) -> str:
        if budget.state is BudgetState.USED_UP:
            return "has run out"
        moment = used_up_at(budget, self._case.taken_at)
        return f"runs out about {self._time(moment)}" if moment else ""

    def _workers(self) -> Iterator[str]:
        workers = self._case.workers
        if workers is None:
            return
        yield "## Workers"
        yield ""
        yield f"{count(workers.alive)} of {count(workers.known)} known workers are alive."
        if workers.unserved_modes:
            modes = ", ".join(map(code, workers.unserved_modes))
            yield f"No living worker accepts these modes of queued jobs: {modes}."
        if not workers.held:
            yield "No worker holds one of these jobs."
            return
        names = {one.id: one.name for one in workers.holders}
        yield ""
        yield from table(
            ("job", "held by", "attempt", "since", "lease until", "note"),
            (
                (
                    f"`{one.job_id}`",
                    cell(names.get(one.owner) or str(one.owner)) if one.owner else "nobody",
                    count(one.attempt),
                    self._time(one.acquired_at),
                    self._time(one.expires_at),
                    cell(one.note) if one.note else "",
                )
                for one in workers.held
            ),
        )

    def _findings(self) -> Iterator[str]:
        findings = self._case.findings
        if findings is None:
            return
        yield "## Doctor findings"
        yield ""
        if not any(one.is_fault for one in findings):
            yield "The doctor found no problem."
            yield ""
        yield from map(_finding_line, findings)

    def _settings(self) -> Iterator[str]:
        yield "## Versions and settings"
        yield ""
        yield from (f"- {name}: {code(value)}" for name, value in self._case.settings)

    def _unread(self) -> Iterator[str]:
        if not self._case.unread:
            return
        yield "## Not read"
        yield ""
        yield from (f"- {one.part}: {code(one.reason)}" for one in self._case.unread)


def _seen_lines(found: CaseVisibility) -> Iterator[str]:
    """Yield sentences on the number of visible jobs."""
    if not found.rules.is_granted:
        yield f"The user sees no jobs: the role {code(found.rules.role)} has no grant."
        return
    concern = "of the jobs that concern them: their own, and those in their projects"
    if found.rules.holds_for_operator:
        yield f"The user sees {counted_jobs(found.seen)}, and the reader {counted(found.everything)}, {concern}."
        yield "Row level security also applies to the reader, who may miss rows."
    else:
        yield f"The user sees {counted(found.seen)} of {counted(found.everything)} {concern}."
    if found.partial_claims:
        claims = ", ".join(code(one) for one in found.partial_claims)
        yield f"Policies read claims that gjobs does not know: {claims}. In the app, the user may see other jobs."


def _finding_line(finding: Finding) -> str:
    hint = f" {code(finding.hint)}" if finding.hint else ""
    return f"- {finding.severity}, {code(finding.name)}: {code(finding.sentence, limit=600)}{hint}"


def _duration(job: GenerationJob) -> str:
    """Return the time from creation to the end. Empty if the job has not ended."""
    if job.status not in (JobStatus.SUCCEEDED, JobStatus.FAILED) or is_far(job.created_at) or is_far(job.updated_at):
        return ""
    return duration((job.updated_at - job.created_at).total_seconds())
