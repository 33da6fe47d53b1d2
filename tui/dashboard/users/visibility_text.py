"""Texts on what is hidden from a user, and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gjobs.store.jobs.job import GenerationJob
from gjobs.store.users.actor import actor_name
from gjobs.tui.dashboard.job_list.column_layout import HIDDEN
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.format import counted
from gjobs.tui.text.policy_text import LONGEST_POLICY_NAME, deciding_policies, policy_line, why_hidden

if TYPE_CHECKING:
    from gjobs.store.job_list.listing import ReadRules, VisibilityComparison


_LONGEST_NAME = 60


def verdict(visibility: "VisibilityComparison") -> str:
    """Return a sentence with the number of visible jobs and the number of all jobs."""
    return f"{_user(visibility)} {short_verdict(visibility)}"


def short_verdict(visibility: "VisibilityComparison") -> str:
    """Return the verdict without the user's name. A missing grant is not shown as zero."""
    if not visibility.rules.is_granted:
        return "sees none: no grant"
    partial = " with partial claims" if visibility.partial_claims else ""
    if visibility.rules.holds_for_operator:
        return f"sees {counted(visibility.seen)}{partial}, and the operator sees {counted(visibility.everything)}"
    return f"sees {counted(visibility.seen)} of {counted(visibility.everything)}{partial}"


def list_note(visibility: "VisibilityComparison") -> str:
    """Return a short note on why jobs are hidden. Empty if none are."""
    if visibility.rules.holds_for_operator:
        return "row level security also applies to the operator, who may miss rows too"
    return f"{HIDDEN} {_hidden_by(visibility.rules)}" if visibility.hidden else ""


def _hidden_by(rules: "ReadRules") -> str:
    if not rules.is_granted:
        return f"from every user: {rules.role} has no grant"
    if not rules.has_row_security:
        return "by something other than a policy"
    if not rules.permissive:
        return f"from every user: no policy lets {rules.role} read"
    named = ", ".join(f"“{clean(policy.name, limit=LONGEST_POLICY_NAME)}”" for policy in rules.policies)
    return f"by the policy {named}" if len(rules.policies) == 1 else f"by the policies {named}"


def hiding_lines(visibility: "VisibilityComparison") -> tuple[str, ...]:
    """Return the lines for a hidden job: from whom, why, and the policies with their expressions."""
    first = f"{HIDDEN} from {_user(visibility)}. {clean(why_hidden(visibility.rules), limit=400)}"
    return (first, *(policy_line(policy) for policy in deciding_policies(visibility.rules)))


def refused_words(visibility: "VisibilityComparison", jobs: Sequence[GenerationJob], hidden: int, *, key: str) -> str:
    """Return a warning that refuses an action, because the user does not see all of the jobs."""
    what = "this job" if len(jobs) == 1 else f"{hidden} of these {len(jobs)} jobs"
    return f"{_user(visibility)} does not see {what}. Press {key} to act as the operator."


def no_totals(visibility: "VisibilityComparison | None") -> str:
    """Return why there are no numbers. Empty if there are."""
    if visibility is None or visibility.rules.is_granted:
        return ""
    return f"No grant: {_user(visibility)} may not read the jobs, so there are no costs to show."


def _user(visibility: "VisibilityComparison") -> str:
    return clean(actor_name(visibility.user), limit=_LONGEST_NAME)
