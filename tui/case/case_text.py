"""A case as Markdown for a ticket."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from gjobs.store.budgets.budget import Budget, BudgetState, used_up_at
from gjobs.store.case.case import MOST_COUNTED, Case, CaseVisibility, HiddenJob
from gjobs.store.doctor.findings import Finding
from gjobs.store.formats import money
from gjobs.store.jobs.job import JobStatus, in_order
from gjobs.tui.case.build_case import BuiltCase
from gjobs.tui.case.case_jobs_text import JobsText
from gjobs.tui.case.case_problems_text import ProblemsText
from gjobs.tui.case.case_words import CaseWords, zone_name
from gjobs.tui.case.markdown import cell, code, table
from gjobs.tui.case.redaction import SecretKind, redaction_words
from gjobs.tui.text.budget_text import left_words, owner_words, period_words, spent_words
from gjobs.tui.text.format import (
    count,
    counted,
    counted_jobs,
    jobs_count,
)
from gjobs.tui.text.policy_text import deciding_policies, policy_line, why_hidden
from gjobs.tui.text.status_text import status_word

_MOST_HIDDEN = 20


def case_title(case: Case) -> str:
    """Return the e-mail or id of the user, and the job if the case is made for one."""
    who = case.user.email or f"user {case.user.id}"
    return f"job {case.job_id} of {who}" if case.job_id else who


def case_markdown(built: BuiltCase) -> str:
    text = _CaseText(built)
    head, *parts = ["\n".join(lines) for make in (text.head, *text.sections) if (lines := list(make()))]
    counts = built.counts_in("\n".join([head, *parts]))
    return "\n\n".join([f"{head}\n- {redaction_line(counts)}", *parts]) + "\n"


def redaction_line(counts: Mapping[SecretKind, int] | None) -> str:
    """Return the line at the start of the case that says what was redacted."""
    return "Redaction is off. Check the text before you share it." if counts is None else redaction_words(counts)


class _CaseText(CaseWords):
    def __init__(self, built: BuiltCase) -> None:
        super().__init__(built.case, built.zone)
        self._built = built
        jobs = JobsText(built.case, built.zone)
        problems = ProblemsText(built.case, built.zone)
        self.sections: Sequence[Callable[[], Iterator[str]]] = (
            problems.problems,
            self._visibility,
            jobs.subject,
            jobs.jobs,
            jobs.failures,
            jobs.timelines,
            self._costs,
            self._budgets,
            self._workers,
            self._findings,
            self._settings,
            self._unread,
        )

    def head(self) -> list[str]:
        case, user = self.case, self.case.user
        without = "e-mail not read" if case.is_email_unread else "no e-mail"
        who = f"- User: {code(user.email) if user.email else without}, id `{user.id}`"
        joined = f", since {self.time(user.created_at)}" if user.created_at else ""
        return [
            f"# Case: {code(case_title(case))}",
            "",
            who + joined,
            *([f"- Job: `{case.job_id}`"] if case.job_id else []),
            f"- Taken: {self.time(case.taken_at)}. All times are in the zone {zone_name(self.zone)}.",
            f"- Database: {code(self._built.database)}, read as {code(case.reader)}",
            *self._not_included(),
        ]

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

    def _visibility(self) -> Iterator[str]:
        case, found = self.case, self.case.visibility
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
        owner = "the user" if job.user_id == self.case.user.id else f"`{job.user_id}`"
        return f"`{job.id}`", cell(status_word(job.status)), self.time(job.created_at), owner

    def _costs(self) -> Iterator[str]:
        case = self.case
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
        case = self.case
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
        moment = used_up_at(budget, self.case.taken_at)
        return f"runs out about {self.time(moment)}" if moment else ""

    def _workers(self) -> Iterator[str]:
        workers = self.case.workers
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
                    self.time(one.acquired_at),
                    self.time(one.expires_at),
                    cell(one.note) if one.note else "",
                )
                for one in workers.held
            ),
        )

    def _findings(self) -> Iterator[str]:
        findings = self.case.findings
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
        yield from (f"- {name}: {code(value)}" for name, value in self.case.settings)

    def _unread(self) -> Iterator[str]:
        if not self.case.unread:
            return
        yield "## Not read"
        yield ""
        yield from (f"- {one.part}: {code(one.reason)}" for one in self.case.unread)


def _seen_lines(found: CaseVisibility) -> Iterator[str]:
    """Yield sentences on the number of visible jobs."""
    if not found.rules.is_granted:
        yield f"The user sees no jobs: the role {code(found.rules.role)} has no grant."
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


def _finding_line(finding: Finding) -> str:
    hint = f" {code(finding.hint)}" if finding.hint else ""
    return f"- {finding.severity}, {code(finding.name)}: {code(finding.sentence, limit=600)}{hint}"
