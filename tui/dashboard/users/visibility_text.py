"""What is hidden from a user, and why, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from store.jobs.job import GenerationJob
from store.users.actor import actor_name
from tui.dashboard.job_list.job_columns import HIDDEN
from tui.text.clean_text import clean
from tui.text.error_text import Toast
from tui.text.format import counted

if TYPE_CHECKING:
    from store.capabilities.facts import RlsPolicy
    from store.job_list.listing import ReadRules, VisibilityComparison


def why_hidden(rules: "ReadRules") -> str:
    """A sentence on what keeps a job from the user. The policies are named, never evaluated."""
    if not rules.is_granted:
        return f"The role {rules.role} has no grant to read the jobs, so no user sees any."
    if not rules.has_row_security:
        return "No policy hides it: row level security is off, so something else keeps it back."
    if not rules.permissive:
        return f"Row level security is on, and no policy lets {rules.role} read any job."
    several = len(rules.permissive) > 1
    if several:
        sentence = f"None of the {len(rules.permissive)} policies that let jobs through lets this one through"
    else:
        sentence = f"The policy {_quoted(rules.permissive[0])} does not let it through"
    if rules.restrictive:
        named = ", ".join(map(_quoted, rules.restrictive))
        sentence += f", or a restrictive one keeps it back: {named}"
    return f"{sentence}."


def _quoted(policy: "RlsPolicy") -> str:
    return f"“{policy.name}”"


_LONGEST_NAME = 60
_LONGEST_EXPRESSION = 400


def verdict(visibility: "VisibilityComparison") -> str:
    """Who sees how many of how many."""
    return f"{_user(visibility)} {short_verdict(visibility)}"


def short_verdict(visibility: "VisibilityComparison") -> str:
    """The same, where the user is named already. No grant is no zero."""
    if not visibility.rules.is_granted:
        return "sees none: no grant"
    partial = " by partial claims" if visibility.partial_claims else ""
    if visibility.rules.holds_for_operator:
        return f"sees {counted(visibility.seen)}{partial}, the operator {counted(visibility.everything)}"
    return f"sees {counted(visibility.seen)} of {counted(visibility.everything)}{partial}"


def list_note(visibility: "VisibilityComparison") -> str:
    """Why anything of the list is hidden, in a few words; empty where nothing is."""
    if visibility.rules.holds_for_operator:
        return "the operator may miss rows, too: row level security holds for that role"
    return f"{HIDDEN} {_hidden_by(visibility.rules)}" if visibility.hidden else ""


def _hidden_by(rules: "ReadRules") -> str:
    if not rules.is_granted:
        return f"from everybody: {rules.role} has no grant"
    if not rules.has_row_security:
        return "by something else than a policy"
    if not rules.permissive:
        return f"from everybody: no policy lets {rules.role} read"
    named = ", ".join(f"“{clean(policy.name, limit=_LONGEST_NAME)}”" for policy in rules.policies)
    return f"by the policy {named}" if len(rules.policies) == 1 else f"by the policies {named}"


def hiding_lines(visibility: "VisibilityComparison") -> tuple[str, ...]:
    """On a hidden job: from whom and why, and the policies with their expressions."""
    first = f"{HIDDEN} from {_user(visibility)}. {clean(why_hidden(visibility.rules), limit=400)}"
    return (first, *(_policy_line(policy) for policy in _deciding(visibility.rules)))


def refused_toast(visibility: "VisibilityComparison", jobs: Sequence[GenerationJob], hidden: int, *, key: str) -> Toast:
    """For an action on jobs some of which the user does not see: with their eyes it would change nothing."""
    what = "this job" if len(jobs) == 1 else f"{hidden} of these {len(jobs)} jobs"
    return Toast(text=f"{_user(visibility)} does not see {what}; press {key} for the operator.", severity="warning")


def no_totals(visibility: "VisibilityComparison | None") -> str:
    """Why there are no numbers to show; empty where there are."""
    if visibility is None or visibility.rules.is_granted:
        return ""
    return f"No grant: {_user(visibility)} may not read the jobs, so there is nothing to count with their eyes."


def _deciding(rules: "ReadRules") -> "tuple[RlsPolicy, ...]":
    return rules.policies if rules.is_granted and rules.has_row_security else ()


def _policy_line(policy: "RlsPolicy") -> str:
    kind = "lets through" if policy.is_permissive else "keeps back all but"
    expression = clean(policy.using, limit=_LONGEST_EXPRESSION) if policy.using else "nothing"
    return f"“{clean(policy.name, limit=_LONGEST_NAME)}” {kind} {expression}"


def _user(visibility: "VisibilityComparison") -> str:
    return clean(actor_name(visibility.user), limit=_LONGEST_NAME)
