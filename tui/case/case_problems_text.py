"""The first section of a case's Markdown: what is wrong, in one line each. The other sections have the details."""

from collections.abc import Iterator

from gjobs.store.budgets.budget import BudgetState, used_up_at
from gjobs.store.case.case import RECENT
from gjobs.store.formats import money
from gjobs.store.jobs.job import JobStatus
from gjobs.tui.case.case_words import CaseWords
from gjobs.tui.case.markdown import code
from gjobs.tui.text.budget_text import left_words, owner_words, period_words, share_words
from gjobs.tui.text.format import count, counted_jobs, error_summary, jobs_count
from gjobs.tui.text.job_text import stuck_words

_MOST_LISTED = 5
"""The stuck jobs, budgets and doctor findings that are listed. The others are counted."""
_HOURS = count(round(RECENT.total_seconds() / 3_600))


class ProblemsText(CaseWords):
    """Makes the section."""

    def problems(self) -> Iterator[str]:
        yield "## What is wrong"
        yield ""
        found = [
            *self._job(),
            *self._failures(),
            *self._listed(list(self._stuck()), "stuck jobs"),
            *self._listed(list(self._budgets()), "budgets"),
            *self._hidden(),
            *self._waiting(),
            *self._listed(list(self._findings()), "doctor findings"),
        ]
        unread = ", ".join(one.part for one in self.case.unread)
        if not found and unread:
            yield "Nothing is wrong in the parts that were read."
        elif not found:
            yield f"No failed job in the last {_HOURS} hours, no stuck or hidden job, no budget near its limit."
        yield from (f"- {line}" for line in found)
        if unread:
            yield from ([] if found else [""])
            yield f"- Not read: {unread}. The reasons are at the end."

    @staticmethod
    def _listed(lines: list[str], what: str) -> Iterator[str]:
        yield from lines[:_MOST_LISTED]
        if len(lines) > _MOST_LISTED:
            yield f"Further {what}: {count(len(lines) - _MOST_LISTED)}."

    def _job(self) -> Iterator[str]:
        job, deletion = self.case.subject_job, self.case.deletion
        if job is not None and job.status is JobStatus.FAILED:
            yield f"The job failed: {_summary(job.error)}"
        elif deletion is not None:
            failed = (
                f" It had failed: {_summary(self.case.last_error)}" if deletion.from_status is JobStatus.FAILED else ""
            )
            yield f"The job was deleted at {self.time(deletion.at)}.{failed}"

    def _failures(self) -> Iterator[str]:
        case = self.case
        if case.recent_failures is None or not case.recent_failures.number:
            return
        newest = max(case.failures or (), key=lambda group: group.last_seen, default=None)
        example = error_summary(newest.example) if newest else ""
        last = ""
        if newest and example and newest.example_job_id != case.job_id:
            last = f" The last one at {self.time(newest.last_seen)}: {code(example, limit=200)}"
        yield f"{counted_jobs(case.recent_failures)} failed in the last {_HOURS} hours.{last}"

    def _stuck(self) -> Iterator[str]:
        for one in self.case.stuck:
            words = stuck_words(one.verdict)
            yield f"Job `{one.id}`. {words}" if words else f"Job `{one.id}` is stuck."

    def _budgets(self) -> Iterator[str]:
        for budget in self.case.budgets or ():
            if budget.state is BudgetState.OK:
                continue
            moment = used_up_at(budget, self.case.taken_at)
            forecast = f", runs out about {self.time(moment)}" if moment else ""
            limit = f"{money(budget.limit_cents)} {period_words(budget.period)}"
            spent = f"{share_words(budget)} of {limit} spent, {left_words(budget)}"
            yield f"The budget of {code(owner_words(budget))}: {spent}{forecast}."

    def _hidden(self) -> Iterator[str]:
        found = self.case.visibility
        if found is None:
            return
        if not found.rules.is_granted:
            yield f"The user sees no jobs: the role {code(found.rules.role)} has no grant."
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
            modes = ", ".join(map(code, workers.unserved_modes))
            yield f"No living worker accepts these modes of queued jobs: {modes}."

    def _findings(self) -> Iterator[str]:
        for one in self.case.findings or ():
            if one.is_fault:
                yield f"Doctor: {code(one.sentence, limit=300)}"


def _summary(error: str | None) -> str:
    return code(error_summary(error) or "no error text", limit=200)
