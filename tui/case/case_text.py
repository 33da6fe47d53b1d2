"""A case as Markdown. No text of the database can break out of it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from uuid import UUID

from rich.cells import cell_len

from gjobs.store.budgets.budget import Budget, BudgetState, used_up_at
from gjobs.store.case.case import EMAIL, MOST_COUNTED, RECENT, Case, CaseVisibility, CaseWorkers, HiddenJob
from gjobs.store.doctor.findings import Finding
from gjobs.store.error_groups.error_group import ErrorGroup
from gjobs.store.jobs.job import GenerationJob, JobStatus, in_order, job_times
from gjobs.store.jobs.job_results import JobHistory
from gjobs.store.values.formats import money
from gjobs.tui.case.build_case import BuiltCase
from gjobs.tui.case.redaction import redaction_words
from gjobs.tui.case.secret_patterns import SecretKind
from gjobs.tui.text import job_text
from gjobs.tui.text.budget_text import left_words, owner_words, period_words, share_words, spent_words
from gjobs.tui.text.clean_text import clean, clean_block
from gjobs.tui.text.error_text import modes_words
from gjobs.tui.text.format import (
    count,
    counted,
    counted_jobs,
    duration,
    error_pretty,
    error_summary,
    id_text,
    jobs_count,
    short_id,
)
from gjobs.tui.text.statistics_text import deciding_policies, policy_line, why_hidden
from gjobs.tui.text.status_text import status_word


def zone_name(zone: tzinfo) -> str:
    return str(getattr(zone, "key", None) or zone)


_BACKTICKS = re.compile(r"`+")
_LEAST_FENCE, _LEAST_RULE = 3, 3


def code(text: str, *, limit: int = 400) -> str:
    """Return one line as a code span. Renderers neither link nor mention anything in it."""
    line = clean(text, limit=limit).strip()
    if not line:
        return "–"
    marks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{marks}{pad}{line}{pad}{marks}"


def cell(text: str, *, limit: int = 200) -> str:
    """Return a code span for a table. A pipe would end the cell, so it is escaped."""
    # Renderers disagree on a pipe after two backslashes.
    return code(text, limit=limit).replace("\\|", "\\ |").replace("|", "\\|")


def block(text: str, *, limit: int = 2_000) -> list[str]:
    """Return lines that show the text unchanged, in a fence that is longer than any in the text."""
    lines = clean_block(text, limit=limit)
    fence = "`" * max(_LEAST_FENCE, _longest_run(lines) + 1)
    return [f"{fence}text", *lines.split("\n"), fence]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table with aligned columns, so that it is readable as text, too. Cells must be safe already."""
    lines = [titles, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    widths[-1] = 0  # The last column often has long texts.
    rule = ["-" * max(width, _LEAST_RULE) for width in widths]
    padded = (
        [text + " " * (width - cell_len(text)) for text, width in zip(cells, widths, strict=True)]
        for cells in (titles, rule, *lines[1:])
    )
    return [f"| {' | '.join(cells)} |" for cells in padded]


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)


MOST_LISTED_JOBS = 20
"""The newest jobs in the text. JSON and CSV have more."""
_MOST_GROUPS = 20
_MOST_EXAMPLES = 10
"""The groups whose newest errors are shown."""


_MOST_LISTED = 5
"""The stuck jobs, budgets and doctor findings that are listed as problems. The others are counted."""
_MOST_HIDDEN = 20
_HOURS = count(round(RECENT.total_seconds() / 3_600))

Blocks = Iterator[str | Sequence[str]]
"""Parts of a section, as text or lines. A blank line separates them. A section without a part is left out."""


def case_title(case: Case) -> str:
    """Return the e-mail or id of the user, and the job if the case is made for one."""
    who = case.user.email or f"user {case.user.id}"
    return f"job {case.job_id} of {who}" if case.job_id else who


def case_markdown(built: BuiltCase) -> str:
    text = _CaseText(built.case, built.zone)
    head = "\n".join(text.head(built.database))
    parts = [_paragraphs([f"## {title}", *blocks]) for title, make in text.sections() if (blocks := list(make()))]
    counts = built.counts_in("\n".join([head, *parts]))
    return _paragraphs([f"{head}\n- {redaction_line(counts)}", *parts]) + "\n"


def _paragraphs(blocks: Iterable[str | Sequence[str]]) -> str:
    return "\n\n".join(one if isinstance(one, str) else "\n".join(one) for one in blocks)


def redaction_line(counts: Mapping[SecretKind, int] | None) -> str:
    """Return the line at the start of the case that says what was redacted."""
    return "Redaction is off. Check the text before you share it." if counts is None else redaction_words(counts)


class _CaseText:
    def __init__(self, case: Case, zone: tzinfo) -> None:
        self.case = case
        self.zone = zone
        self._names = {one.id: one.name for one in case.projects}

    def head(self, database: str) -> list[str]:
        case, user = self.case, self.case.user
        without = "e-mail not read" if any(one.part == EMAIL for one in case.unread) else "no e-mail"
        who = f"- User: {code(user.email) if user.email else without}, id `{user.id}`"
        joined = f", since {self._time(user.created_at)}" if user.created_at else ""
        return [
            f"# Case: {code(case_title(case))}",
            "",
            who + joined,
            *([f"- Job: `{case.job_id}`"] if case.job_id else []),
            f"- Taken: {self._time(case.taken_at)}. All times are in the zone {zone_name(self.zone)}.",
            f"- Database: {code(database)}, read as {code(case.reader)}",
            *self._not_included(),
        ]

    def sections(self) -> Sequence[tuple[str, Callable[[], Blocks]]]:
        return (
            ("What is wrong", self._problems),
            ("What the user sees" if self.case.visibility else "Projects", self._visibility),
            ("The job", self._subject),
            ("Jobs", self._jobs),
            ("Failures", self._failures),
            ("Timelines", self._timelines),
            ("Costs", self._costs),
            ("Budgets", self._budgets),
            ("Workers", self._workers),
            ("Doctor findings", self._findings),
            ("Versions and settings", self._settings),
            ("Not read", self._unread),
        )

    def _time(self, time: datetime) -> str:
        """Return ISO 8601 to the second, with the offset of the case's zone, or in UTC if Python cannot convert it."""
        with suppress(OverflowError):
            time = time.astimezone(self.zone)
        return time.isoformat(timespec="seconds").replace("+00:00", "Z")

    def _project(self, project_id: UUID) -> str:
        return self._names.get(project_id) or short_id(project_id)

    def _not_included(self) -> Iterator[str]:
        """Yield a line on the user's archived jobs, without the job of the case."""
        case = self.case
        job = case.subject_job if case.subject and case.subject.archived_at else None
        total = sum(one.count for one in case.archived)
        archived = total - (job is not None)
        failed = sum(one.count for one in case.archived if one.status is JobStatus.FAILED)
        failed -= job is not None and job.status is JobStatus.FAILED
        if archived > 0:
            more = "more than " if total >= MOST_COUNTED else ""
            of_them = f", {count(failed)} of them failed" if failed else ""
            jobs = "job" if archived == 1 else "jobs"
            yield f"- Not included: {more}{count(archived)} archived {jobs} of the user{of_them}."

    def _problems(self) -> Blocks:
        found = [
            *self._failed_job(),
            *self._recent_failures(),
            *first_ones(list(self._stuck()), "stuck jobs"),
            *first_ones(list(self._used_up()), "budgets"),
            *self._hidden_number(),
            *self._waiting(),
            *first_ones([f"Doctor: {code(one.sentence, limit=300)}" for one in self._faults()], "doctor findings"),
        ]
        lines = [f"- {line}" for line in found]
        if unread := ", ".join(one.part for one in self.case.unread):
            lines.append(f"- Not read: {unread}. The reasons are at the end.")
        if not found and unread:
            yield "Nothing is wrong in the parts that were read."
        elif not found:
            yield f"No failed job in the last {_HOURS} hours, no stuck or hidden job, no budget near its limit."
        if lines:
            yield lines

    def _failed_job(self) -> Iterator[str]:
        job, deletion = self.case.subject_job, self.case.deletion
        if job is not None and job.status is JobStatus.FAILED:
            yield f"The job failed: {_summary(job.error)}"
        elif deletion is not None:
            failed = f" It had failed: {_summary(self.case.last_error)}"
            failed = failed if deletion.from_status is JobStatus.FAILED else ""
            yield f"The job was deleted at {self._time(deletion.at)}.{failed}"

    def _recent_failures(self) -> Iterator[str]:
        case = self.case
        if case.recent_failures is None or not case.recent_failures.number:
            return
        newest = max(case.failures or (), key=lambda group: group.last_seen, default=None)
        example = error_summary(newest.example) if newest else ""
        last = ""
        if newest and example and newest.example_job_id != case.job_id:
            last = f" The last one at {self._time(newest.last_seen)}: {code(example, limit=200)}"
        yield f"{counted_jobs(case.recent_failures)} failed in the last {_HOURS} hours.{last}"

    def _stuck(self) -> Iterator[str]:
        for one in self.case.stuck:
            words = job_text.stuck_words(one.verdict)
            yield f"Job `{one.id}`. {words}" if words else f"Job `{one.id}` is stuck."

    def _used_up(self) -> Iterator[str]:
        for budget in self.case.budgets or ():
            if budget.state is BudgetState.OK:
                continue
            moment = used_up_at(budget, self.case.taken_at)
            forecast = f", runs out about {self._time(moment)}" if moment else ""
            limit = f"{money(budget.limit_cents)} {period_words(budget.period)}"
            spent = f"{share_words(budget)} of {limit} spent, {left_words(budget)}"
            yield f"The budget of {code(owner_words(budget))}: {spent}{forecast}."

    def _hidden_number(self) -> Iterator[str]:
        found = self.case.visibility
        if found is None:
            return
        if not found.rules.is_granted:
            yield _no_grant(found)
        elif found.hidden:
            number = f"{count(len(found.hidden))} of the newest {count(found.compared)} jobs that concern the user"
            yield f"{number} {'is' if len(found.hidden) == 1 else 'are'} hidden from the user."

    def _waiting(self) -> Iterator[str]:
        workers = self.case.workers
        queued = sum(one.count for one in self.case.costs if one.status is JobStatus.QUEUED)
        if workers is None or not queued:
            return
        if workers.known and not workers.alive:
            yield f"No worker is alive. {jobs_count(queued)} {'is' if queued == 1 else 'are'} queued."
        elif workers.unserved_modes:
            yield _unserved(workers)

    def _faults(self) -> Iterator[Finding]:
        return (one for one in self.case.findings or () if one.is_fault)

    def _visibility(self) -> Blocks:
        case, found = self.case, self.case.visibility
        if found is not None:
            yield list(_seen_lines(found))
            yield from self._hidden(found)
            if policies := deciding_policies(found.rules):
                yield "The policies that decide it:"
                yield [f"- {code(policy_line(policy), limit=600)}" for policy in policies]
        if case.projects:
            seen = {True: "yes", False: "no", None: "unknown"}
            owner = {True: "the user", False: "another user"}
            yield table(
                ("project", "id", "owner", "the user sees it"),
                (
                    (cell(one.name), f"`{one.id}`", owner[one.user_id == case.user.id], seen[one.is_seen])
                    for one in case.projects
                ),
            )

    def _hidden(self, found: CaseVisibility) -> Blocks:
        if not found.hidden:
            return
        number = f"Hidden among the newest {count(found.compared)}: {jobs_count(len(found.hidden))}."
        yield [number, code(why_hidden(found.rules), limit=600)]
        yield table(("hidden job", "status", "created", "owner"), map(self._hidden_row, found.hidden[:_MOST_HIDDEN]))
        if len(found.hidden) > _MOST_HIDDEN:
            yield f"{count(len(found.hidden) - _MOST_HIDDEN)} more are hidden."

    def _hidden_row(self, job: HiddenJob) -> tuple[str, ...]:
        owner = "the user" if job.user_id == self.case.user.id else f"`{job.user_id}`"
        return f"`{job.id}`", cell(status_word(job.status)), self._time(job.created_at), owner

    def _subject(self) -> Blocks:
        subject, job, deletion = self.case.subject, self.case.subject_job, self.case.deletion
        if subject is None:
            return
        if deletion is not None:
            yield f"The job was deleted at {self._time(deletion.at)}. Its events are below."
            return
        if job is None:
            yield "The job was deleted, or it is hidden from the reader. Its events are below."
            return
        if subject.archived_at:
            yield f"The job was archived at {self._time(subject.archived_at)}. These are its last values."
        yield table(("fact", "value"), self._job_facts(job))
        if (asset := subject.asset) is not None:
            size = f", {asset.width} × {asset.height}" if asset.width and asset.height else ""
            kind = f"{asset.kind} {asset.mime_type or ''}".strip()
            yield f"Input asset `{asset.id}`: {code(kind)}{size}, stored at {code(asset.storage_path)}"
        repeats = [f"- It repeats the job `{subject.links.repeats}`."] if subject.links.repeats else []
        if links := [*repeats, *(f"- The job `{repeat}` repeats it." for repeat in subject.links.repeated_by)]:
            yield links
        if words := job_text.stuck_words(subject.stuck):
            yield words
        if job.error:
            yield block(error_pretty(job.error))

    def _job_facts(self, job: GenerationJob) -> Iterator[tuple[str, str]]:
        yield "status", cell(status_word(job.status))
        yield "mode", cell(job.mode)
        yield "cost", money(job.cost_cents)
        yield "project", f"{cell(self._project(job.project_id))}, `{id_text(job.project_id)}`"
        yield "created", self._time(job.created_at)
        yield "updated", self._time(job.updated_at)
        times = job_times(job, None)
        for name, time in (("wait", times.wait), ("run", times.run), ("total", times.total)):
            if time is not None:
                yield name, duration(time.total_seconds())
        if job.retry_count is not None:
            yield "retries", count(job.retry_count)

    def _jobs(self) -> Blocks:
        case = self.case
        listed = case.jobs[:MOST_LISTED_JOBS]
        if not listed:
            yield "The user has no jobs."
            return
        total = max(case.total_count, len(listed))
        number = f"{'more than ' if case.are_costs_capped else ''}{jobs_count(total)}"
        yield f"The newest {count(len(listed))} of {number}:" if len(listed) < total else f"All {number}:"
        titles = ("created", "id", "status", "mode", "cost", "run", "total", "project", "error")
        yield table(titles, map(self._job_row, listed))

    def _job_row(self, job: GenerationJob) -> tuple[str, ...]:
        summary, times = error_summary(job.error), job_times(job, None)
        return (
            self._time(job.created_at),
            f"`{job.id}`",
            cell(status_word(job.status)) + (", stuck" if job.id in self.case.stuck_ids else ""),
            cell(job.mode, limit=40),
            money(job.cost_cents),
            *("" if time is None else duration(time.total_seconds()) for time in (times.run, times.total)),
            cell(self._project(job.project_id), limit=40),
            cell(summary, limit=80) if summary else "",
        )

    def _failures(self) -> Blocks:
        found = self.case.failures
        if found is None or not found.groups:
            return
        groups = sorted(found.groups, key=lambda group: group.last_seen, reverse=True)
        days = count(round(found.window.total_seconds() / 86_400))
        counted_groups = f"{count(found.group_count)} {'group' if found.group_count == 1 else 'groups'}"
        sentences = [f"{jobs_count(found.failures)} failed in the last {days} days, in {counted_groups}."]
        if not found.complete:
            sentences.append(f"Only the newest {count(found.limit)} failures are grouped.")
        if found.group_count > _MOST_GROUPS:
            sentences.append(f"The {count(_MOST_GROUPS)} groups that failed last are listed.")
        if found.group_count > _MOST_EXAMPLES:
            sentences.append(f"The newest errors of the first {count(_MOST_EXAMPLES)} follow the table.")
        yield sentences
        titles = ("error", "jobs", "first", "last", "modes", "cost", "group")
        yield table(titles, map(self._group_row, groups[:_MOST_GROUPS]))
        for group in groups[:_MOST_EXAMPLES]:
            if group.example_job_id == self.case.job_id:
                yield f"The newest error of the group {code(group.id)} is that of the job above."
            elif group.example:
                yield f"The newest error of the group {code(group.id)}, of the job `{group.example_job_id}`:"
                yield block(error_pretty(group.example))

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

    def _timelines(self) -> Blocks:
        for history in self.case.timelines:
            if not history.events:
                continue
            yield f"### `{history.job_id}`"
            if spent := job_text.time_by_status(history):
                yield f"Time in each status: {code(spent)}"
            yield table(("time", "after", "event", "cost", "by", "note"), self._event_rows(history))
            if history.is_cut:
                yield f"These are the newest {count(len(history.events))} events."
        yield from sorted({job_text.beginning_words(history) for history in self.case.timelines} - {""})

    def _event_rows(self, history: JobHistory) -> Iterator[tuple[str, ...]]:
        for before, event in zip((None, *history.events), history.events, strict=False):
            note = job_text.note_words(event)
            yield (
                self._time(event.at),
                "" if before is None else duration(max((event.at - before.at).total_seconds(), 0.0)),
                cell(job_text.event_words(event), limit=60),
                job_text.cost_words(event),
                cell(job_text.actor_words(event), limit=80),
                cell(note) if note else "",
            )

    def _costs(self) -> Blocks:
        case = self.case
        if not case.costs:
            return
        rows = []
        for status in in_order(one.status for one in case.costs):
            of_status = [one for one in case.costs if one.status == status]
            jobs, cents = sum(one.count for one in of_status), sum(one.cost_cents for one in of_status)
            rows.append((cell(status_word(status)), count(jobs), money(cents)))
        total = sum(one.cost_cents for one in case.costs)
        yield table(("status", "jobs", "cost"), [*rows, ("total", count(case.total_count), money(total))])
        if case.are_costs_capped:
            yield f"Only the newest {jobs_count(case.total_count)} are counted."

    def _budgets(self) -> Blocks:
        budgets = self.case.budgets
        if budgets is None:
            return
        if not budgets:
            yield "No budget limits the user or these projects."
            return
        yield table(("budget of", "limit applies", "spent", "left", "forecast"), map(self._budget_row, budgets))

    def _budget_row(self, budget: Budget) -> tuple[str, ...]:
        moment = used_up_at(budget, self.case.taken_at)
        forecast = f"runs out about {self._time(moment)}" if moment else ""
        return (
            cell(owner_words(budget)),
            period_words(budget.period),
            spent_words(budget),
            left_words(budget),
            "has run out" if budget.state is BudgetState.USED_UP else forecast,
        )

    def _workers(self) -> Blocks:
        workers = self.case.workers
        if workers is None:
            return
        sentences = [f"{count(workers.alive)} of {count(workers.known)} known workers are alive."]
        if workers.unserved_modes:
            sentences.append(_unserved(workers))
        if not workers.held:
            yield [*sentences, "No worker holds one of these jobs."]
            return
        yield sentences
        names = {one.id: one.name for one in workers.holders}
        yield table(
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

    def _findings(self) -> Blocks:
        if self.case.findings is None:
            return
        if not any(self._faults()):
            yield "The doctor found no problem."
        if self.case.findings:
            yield [
                f"- {one.severity}, {code(one.name)}: {code(one.sentence, limit=600)}"
                + (f" {code(one.hint)}" if one.hint else "")
                for one in self.case.findings
            ]

    def _settings(self) -> Blocks:
        yield [f"- {name}: {code(value)}" for name, value in self.case.settings]

    def _unread(self) -> Blocks:
        if self.case.unread:
            yield [f"- {one.part}: {code(one.reason)}" for one in self.case.unread]


def first_ones(lines: list[str], what: str) -> Iterator[str]:
    """Yield five lines at most, and a sentence with the number of the others."""
    yield from lines[:_MOST_LISTED]
    if len(lines) > _MOST_LISTED:
        yield f"Further {what}: {count(len(lines) - _MOST_LISTED)}."


def _no_grant(found: CaseVisibility) -> str:
    return f"The user sees no jobs: the role {code(found.rules.role)} has no grant."


def _unserved(workers: CaseWorkers) -> str:
    modes = ", ".join(map(code, workers.unserved_modes))
    return f"No living worker accepts these modes of queued jobs: {modes}."


def _summary(error: str | None) -> str:
    return code(error_summary(error) or "no error text", limit=200)


def _seen_lines(found: CaseVisibility) -> Iterator[str]:
    """Yield sentences on the number of visible jobs."""
    if not found.rules.is_granted:
        yield _no_grant(found)
        return
    concern = "of the jobs that concern them: their own, and those in their projects"
    if found.rules.holds_for_operator:
        yield f"The user sees {counted_jobs(found.seen)}, and the reader sees {counted(found.everything)}, {concern}."
        yield "Row level security also applies to the reader, who may miss rows."
    else:
        yield f"The user sees {counted(found.seen)} of {counted(found.everything)} {concern}."
    if found.partial_claims:
        claims = ", ".join(code(one) for one in found.partial_claims)
        yield f"Policies read claims that gjobs does not know: {claims}. In the app, the user may see other jobs."
