"""Why a user does not see what is there. Pure."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.lens.model import Policy, ReadRules


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


def _quoted(policy: "Policy") -> str:
    return f"“{policy.name}”"
