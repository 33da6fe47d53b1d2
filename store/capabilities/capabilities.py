"""What a database offers, asked once for a session. Others ask this value, never the catalogue. Pure."""

from dataclasses import dataclass

from store.actor import OPERATOR, ActingUser, Actor
from store.capabilities import rules
from store.capabilities.facts import JOBS, REVISIONS, Facts
from store.capabilities.feature import Feature
from store.capabilities.needs import NEEDS
from store.capabilities.off import Off, quoted
from store.model.job import LATER_COLUMNS


@dataclass(frozen=True, slots=True)
class Capabilities:
    facts: Facts

    def off(self, feature: Feature, actor: Actor = OPERATOR) -> Off | None:
        """None where the actor has it. What one user has, all have: they act as the same role."""
        facts = self.facts
        # Where there is no table, that says more than what a user would need besides.
        if isinstance(actor, ActingUser) and JOBS in facts.relations and (off := rules.acting(facts)):
            return off
        for need in NEEDS[feature]:
            off = self.off(need, actor) if isinstance(need, Feature) else need(facts, actor)
            if off is not None:
                return off
        return None

    def has_later_columns(self, actor: Actor = OPERATOR) -> bool:
        """Whether the actor may read what revision 0005 adds to a job. Columns of these names may be an app's own."""
        facts = self.facts
        return rules.recorded(facts) is None and rules.read(facts, JOBS, actor, frozenset(LATER_COLUMNS)) is None

    @property
    def takes_no_writes(self) -> Off | None:
        """Why nobody can write here, whatever they may."""
        return rules.no_writes(self.facts)

    @property
    def sees_less(self) -> Off | None:
        """Where the operator, too, is under row level security: what it sees may not be all there is."""
        jobs = self.facts.relations.get(JOBS)
        if jobs is None or not jobs.row_security:
            return None
        login = quoted(self.facts.login)
        seen = "only what the policies show it" if jobs.has_policy else "no job"
        return Off(
            reason=f"Row level security applies to the login {self.facts.login}: it sees {seen}.",
            advice=f"ALTER ROLE {login} BYPASSRLS shows it all; or add a policy that lets it read.",
        )

    def caution(self, actor: Actor) -> str:
        """What must be known to read rightly what the actor is shown; empty where that is all there is."""
        sentences = []
        if actor == OPERATOR and (off := self.sees_less):
            sentences.append(f"{off.reason} 'gjobs doctor' says what helps.")
        if not self.off(Feature.JOBS, actor) and (off := self.off(Feature.PROJECTS, actor)):
            sentences.append(f"Projects are known by their jobs alone. {off.words}")
        return " ".join(sentences)

    @property
    def may_read_revision(self) -> bool:
        """Whether which of our migrations have run can be asked."""
        if REVISIONS not in self.facts.relations:
            return False
        off = rules.read(self.facts, REVISIONS, OPERATOR, {"version_num"}) or rules.hidden(self.facts, REVISIONS)
        return off is None
