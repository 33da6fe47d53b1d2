"""What is there beside what a user sees of it, and what in the database's rules keeps the rest from them. Pure."""

from dataclasses import dataclass
from uuid import UUID

from store.actor import ActingUser
from store.listing.model import Window
from store.model import CappedCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy for reading that holds for the role of users."""

    name: str
    is_permissive: bool
    """A permissive one lets rows through; a restrictive one keeps rows back that another has let through."""
    expression: str | None
    """As the database prints it. None lets no row through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRules:
    """What decides which jobs the role of users reads."""

    role: str
    is_granted: bool
    """Whether the role may read the table at all."""
    has_row_security: bool
    """Whether row level security holds for the role on this table."""
    holds_for_operator: bool
    """Whether it holds for the role as connected as well, so that this one may not see everything either."""
    policies: tuple[Policy, ...]
    """By name."""

    @property
    def permissive(self) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies if policy.is_permissive)

    @property
    def restrictive(self) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies if not policy.is_permissive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """The operator's look at a list of jobs beside a user's, both of one snapshot.

    The jobs of a project; with all projects those that concern the user: their own, and those in their projects.
    """

    user: ActingUser
    window: Window
    """As the operator sees it."""
    hidden: frozenset[UUID]
    """Those of them that the user does not see."""
    everything: CappedCount
    """Of the whole list, as the operator sees it."""
    seen: CappedCount
    """Of the same list, as the user sees it."""
    rules: ReadRules
