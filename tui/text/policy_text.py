"""Why a job is hidden, and the policies that decide it, as text."""

from typing import TYPE_CHECKING

from gjobs.tui.text.clean_text import clean

if TYPE_CHECKING:
    from gjobs.store.capabilities.facts import RlsPolicy
    from gjobs.store.job_list.listing import ReadRules

LONGEST_POLICY_NAME = 60
_LONGEST_EXPRESSION = 400


def why_hidden(rules: "ReadRules") -> str:
    """Return a sentence on why a job is hidden. The policies are named, never evaluated."""
    if not rules.is_granted:
        return f"The role {rules.role} has no grant to read the jobs, so no user sees any."
    if not rules.has_row_security:
        return "No policy hides it, because row level security is off. Something else hides it."
    if not rules.permissive:
        return f"Row level security is on, but no policy lets {rules.role} read any job."
    several = len(rules.permissive) > 1
    if several:
        sentence = f"None of the {len(rules.permissive)} permissive policies allows this job"
    else:
        sentence = f"The policy {_quoted(rules.permissive[0])} does not allow it"
    if rules.restrictive:
        named = ", ".join(map(_quoted, rules.restrictive))
        which = "this restrictive policy" if len(rules.restrictive) == 1 else "one of these restrictive policies"
        sentence += f", or {which} hides it: {named}"
    return f"{sentence}."


def _quoted(policy: "RlsPolicy") -> str:
    return f"“{policy.name}”"


def deciding_policies(rules: "ReadRules") -> "tuple[RlsPolicy, ...]":
    """Return the policies that decide which jobs a user sees."""
    return rules.policies if rules.is_granted and rules.has_row_security else ()


def policy_line(policy: "RlsPolicy") -> str:
    kind = "allows" if policy.is_permissive else "hides all but"
    expression = clean(policy.using, limit=_LONGEST_EXPRESSION) if policy.using else "nothing"
    return f"“{clean(policy.name, limit=LONGEST_POLICY_NAME)}” {kind} {expression}"
