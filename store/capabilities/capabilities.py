"""Rules that derive each actor's capabilities from the facts."""

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from dataclasses import dataclass, fields, replace
from functools import partial

from gjobs.store.capabilities.capability import (
    API_LOGIN,
    ASSETS,
    JOB_SUMMARY,
    JOBS,
    LATER_COLUMNS,
    LEASES,
    ONLY_READS,
    OTHER_LOGIN,
    PROJECTS,
    REVISIONS,
    USERS,
    Capability,
    DatabaseFacts,
    MissingCapability,
    RelationKind,
    absent,
    lacking_grants,
    merged,
    not_a_table,
    quoted,
)
from gjobs.store.capabilities.claim_sql import WHOLE_TOKEN, unknown_claims_words
from gjobs.store.capabilities.job_relation import REQUIRED, other_types, relation_of, unreadable
from gjobs.store.database.query import PRESENT, JobRelation
from gjobs.store.database.transactions import ACT_AS_OPERATOR, unprotected_words
from gjobs.store.errors import command
from gjobs.store.jobs.job import Asset, GenerationJob
from gjobs.store.users.actor import COLUMNS, OF_PUBLIC_KEY, OPERATOR, ROLE_OF_USERS, Actor, Anon, known_claims
from gjobs.store.values.data_classes import by_member
from gjobs.store.values.formats import column_names

OLDEST_READ, OLDEST_MIGRATED = 14, 15
"""The server's major versions. Views can run with their caller's rights since OLDEST_MIGRATED."""
SETTING_IS_A_RIGHT = 16
"""From this version on, membership in a role does not imply the right to SET ROLE to it."""


def missing_grant(
    facts: DatabaseFacts, actor: Actor, name: str, columns: Set[str] = frozenset(), *, verb: str = "select"
) -> MissingCapability | None:
    """Return why the actor lacks a privilege on a table. `verb` is select, insert, update or delete."""
    is_write = verb != "select"
    if is_write and (missing := no_writes(facts)):
        return missing
    relation = facts.relations.get(name)
    if relation is None or not columns <= relation.columns:
        return absent(name, relation, columns)
    if is_write and (missing := not_a_table(name, relation)):
        return missing
    privileges, role = relation.login, facts.login
    if actor != OPERATOR and relation.users is not None:
        privileges, role = relation.users, facts.request_role
    missing = merged(lacking_grants(name, privileges, role, verb, columns))
    if missing is None or missing.sql is None or actor == OPERATOR or relation.is_protected:
        return missing
    # The grant alone would open the rows to every user.
    return replace(missing, sql=f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; {missing.sql}")


def hidden(facts: DatabaseFacts, name: str) -> MissingCapability | None:
    """Return the reason if row level security hides every row of a table from the login."""
    relation = facts.relations.get(name)
    if relation is None or not relation.row_security or relation.has_policy:
        return None
    return MissingCapability(
        reason=f"Row level security hides {name} from the login {facts.login}.",
        advice="Connect as a role that bypasses row level security.",
    )


def acting(facts: DatabaseFacts) -> MissingCapability | None:
    """Return why nobody can act as a user, or as a visitor."""
    if facts.unprotected is not None:
        return MissingCapability(reason=unprotected_words(facts.unprotected), advice=ACT_AS_OPERATOR)
    is_of_users = facts.request_role == ROLE_OF_USERS
    whose, whom = ("A user's", "a user") if is_of_users else ("A visitor's", "a visitor")
    if not facts.has_users_role:
        return MissingCapability(
            reason=f"There is no role {facts.request_role}. {whose} statements run as that role.",
            sql=f"CREATE ROLE {facts.request_role} NOLOGIN NOINHERIT; {_membership(facts)}",
        )
    if not facts.may_become_user:
        return MissingCapability(
            reason=f"The login {facts.login} may not act as {whom}.",
            sql=_membership(facts),
        )
    if not facts.has_uid:
        return MissingCapability(
            reason="There is no function auth.uid(). Policies need it to identify a user.",
            advice=f"{command('migrate sql')} prints the SQL that creates it.",
        )
    if not facts.users_may_use_auth:
        return MissingCapability(
            reason=f"No grant: the role {facts.request_role} may not use the schema auth. Policies need it.",
            sql=f"GRANT USAGE ON SCHEMA auth TO {facts.request_role};" if facts.owner_may_grant_auth else None,
            advice=None if facts.owner_may_grant_auth else _OF_AUTH,
        )
    return None


def _membership(facts: DatabaseFacts) -> str:
    """Return the grant. From version 16 on, a member may still lack the right to SET ROLE. Omitted options do not
    change.
    """
    options = " WITH INHERIT FALSE, SET TRUE" if facts.major_version >= SETTING_IS_A_RIGHT else ""
    return f"GRANT {facts.request_role} TO {quoted(facts.login)}{options};"


def migrating(facts: DatabaseFacts) -> MissingCapability | None:
    if missing := no_writes(facts):
        return missing
    login = facts.login
    if facts.major_version < OLDEST_MIGRATED:
        return MissingCapability(
            reason=f"Migrations need PostgreSQL {OLDEST_MIGRATED} or newer; this is {facts.version}.",
            advice="Upgrade the server.",
        )
    tables = [name for name in (PROJECTS, ASSETS, JOBS) if name in facts.relations]
    if others := [name for name in tables if not facts.relations[name].is_owned]:
        return MissingCapability(
            reason=f"The login {login} does not own {', '.join(others)}.", advice="Connect as their owner."
        )
    if not facts.may_create_in_public:
        return MissingCapability(
            reason=f"No grant: the role {login} may not create anything in the schema public.",
            sql=f"GRANT CREATE ON SCHEMA public TO {quoted(login)};",
        )
    if not (facts.is_managed or facts.may_create_schemas):
        return MissingCapability(
            reason=f"No grant: the role {login} may not create the schema gjobs.",
            sql=f"CREATE SCHEMA gjobs AUTHORIZATION {quoted(login)};",
        )
    return None


def _migrate_advice(facts: DatabaseFacts, what: str) -> str:
    if unknown_jobs_table(facts):
        return f"gjobs can't add {what} to such a table of jobs."
    return f"Run {command('migrate up')} to add {what}."


def summed(facts: DatabaseFacts, actor: Actor) -> MissingCapability | None:
    """Return why rollups can't replace counting. They cover all jobs, or a user's own, and no other selection."""
    if not facts.is_migrated:
        return MissingCapability(
            reason="This database keeps no rollups of its jobs, so gjobs counts them.",
            advice=_migrate_advice(facts, "rollups"),
        )
    jobs = facts.relations.get(JOBS)
    if jobs is None:
        return absent(JOBS, jobs, ())
    if actor == OPERATOR and jobs.row_security:
        return MissingCapability(
            reason=f"Row level security applies to the login {facts.login}, so gjobs counts the jobs that it sees."
        )
    if actor != OPERATOR and not (jobs.is_protected and facts.policies and facts.policies.shows_users_their_own):
        return MissingCapability(reason="The app's own policies decide which jobs users see, so gjobs counts the jobs.")
    return None


def _operating(facts: DatabaseFacts, actor: Actor) -> MissingCapability | None:
    """Return why the actor can't set limits or run workers. Customers must not raise their own limits, so no hint says
    how to allow it.
    """
    if actor != OPERATOR:
        return MissingCapability(reason="Only the operator can set limits and run workers.", advice=_AS_OPERATOR)
    missing = missing_grant(facts, actor, LEASES, {"job_id"}, verb="insert")
    if missing is not None or not facts.relations[LEASES].row_security:
        return missing
    return MissingCapability(
        reason=f"Row level security keeps the login {facts.login} from writing to the schema gjobs.",
        advice="Connect as the owner of the tables.",
    )


def users(facts: DatabaseFacts, actor: Actor, columns: Set[str]) -> MissingCapability | None:
    """Return why the actor can't read users. Customers must not read e-mails, so no hint says how to allow it."""
    if actor != OPERATOR:
        return MissingCapability(reason="Only the operator may read the users.", advice=_AS_OPERATOR)
    missing = missing_grant(facts, actor, USERS, columns) or hidden(facts, USERS)
    if missing and missing.sql and not facts.owner_may_grant_auth:
        return replace(missing, sql=None, advice=_OF_AUTH)
    return missing


_AS_OPERATOR = "Act as the operator: leave --as out, or press u in the dashboard."
_OF_AUTH = "Only the owner of the schema auth can grant that. Connect as a login that may use it."
"""The owner of the tables can't run such a grant: it ends in a warning and grants nothing."""


def no_writes(facts: DatabaseFacts) -> MissingCapability | None:
    """Return why nobody can write here."""
    if facts.is_replica:
        return MissingCapability(
            reason="This server is a replica and accepts no writes.",
            advice="Connect to the primary server.",
            forbids_writes=True,
        )
    if facts.is_read_only:
        return MissingCapability(
            reason=f"The login {facts.login} is read-only: default_transaction_read_only is on for it.",
            advice="A login may be read-only on purpose, or the host's disk may be full.",
            forbids_writes=True,
        )
    return unknown_jobs_table(facts)


def unknown_jobs_table(facts: DatabaseFacts) -> MissingCapability | None:
    """Return why gjobs does not write to generation_jobs. None if it is a table with the expected types."""
    if missing := not_a_table(JOBS, facts.relations.get(JOBS)):
        return missing
    jobs, others = facts.relations.get(JOBS), other_types(facts.job_columns)
    lacking = sorted(_JOB_COLUMNS - jobs.columns) if jobs else []
    if not others and not lacking:
        return None
    types = ", ".join(f"{column} is {other}" for column, other in sorted(others.items()))
    why = f"has unexpected types: {types}" if others else f"lacks the columns {', '.join(lacking)}"
    return MissingCapability(
        reason=f"gjobs does not write here, because generation_jobs {why}.", advice=ONLY_READS, forbids_writes=True
    )


Rule = Callable[[DatabaseFacts, Actor], MissingCapability | None]
Need = Rule | Capability
"""A rule, or a capability whose needs are all included."""

_JOB_COLUMNS = frozenset(column_names(GenerationJob)) - set(LATER_COLUMNS)
_PROJECT_COLUMNS = frozenset({"id", "user_id", "name", "created_at", "updated_at"})
_ASSET_COLUMNS = frozenset(field.name for field in fields(Asset))
_USER_COLUMNS = frozenset({"id", "email", "created_at"})

_GIVEN = _JOB_COLUMNS - {"id", "error", "created_at", "updated_at"}
"""The columns that a new job is created with."""
_MOVED = frozenset({"status", "error"})
"""The columns that a transition writes."""


def _migrated(facts: DatabaseFacts, actor: Actor) -> MissingCapability | None:
    if not facts.is_migrated:
        return MissingCapability(
            reason="This database lacks what gjobs adds: events, workers, budgets, and the archive.",
            advice=_migrate_advice(facts, "it"),
        )
    return missing_grant(facts, actor, JOB_SUMMARY, frozenset({"status"}))


def _retrying(facts: DatabaseFacts, actor: Actor) -> MissingCapability | None:
    """Return why the actor can't insert retries. A table without `retry_count` has retries without it."""
    jobs = facts.relations.get(JOBS)
    has_count = jobs is not None and "retry_count" in jobs.columns
    columns = _GIVEN | {"id"} | ({"retry_count"} if has_count else set())
    return missing_grant(facts, actor, JOBS, columns, verb="insert")


def _reading(facts: DatabaseFacts, actor: Actor) -> MissingCapability | None:
    """Return why the actor can't read jobs. A table may lack columns, but a column without a grant is refused."""
    jobs = facts.relations.get(JOBS)
    columns = frozenset() if jobs is None else _JOB_COLUMNS & jobs.columns
    return unreadable_jobs(facts) or missing_grant(facts, actor, JOBS, columns)


def unreadable_jobs(facts: DatabaseFacts) -> MissingCapability | None:
    """Return what the table of jobs needs before gjobs can read it. None without a table."""
    jobs = facts.relations.get(JOBS)
    if jobs is None:
        return None
    why = unreadable(facts.job_columns)
    return absent(JOBS, jobs, REQUIRED) or (
        MissingCapability(reason=why, advice="This version of gjobs can't show such a table.") if why else None
    )


NEEDS: Mapping[Capability, tuple[Need, ...]] = by_member(
    Capability,
    {
        Capability.JOBS: (_reading,),
        Capability.PROJECTS: (partial(missing_grant, name=PROJECTS, columns=_PROJECT_COLUMNS),),
        Capability.ASSETS: (partial(missing_grant, name=ASSETS, columns=_ASSET_COLUMNS),),
        Capability.USERS: (partial(users, columns=_USER_COLUMNS),),
        Capability.ACTING: (lambda facts, _: acting(facts),),
        Capability.CREATING: (
            partial(missing_grant, name=JOBS, verb="insert", columns=_GIVEN),
            Capability.JOBS,
            Capability.PROJECTS,
        ),
        Capability.CHANGING: (partial(missing_grant, name=JOBS, verb="update", columns=_MOVED), Capability.JOBS),
        Capability.MIGRATED: (_migrated, Capability.JOBS),
        Capability.RETRYING: (Capability.MIGRATED, _retrying, Capability.CHANGING),
        Capability.DELETING: (partial(missing_grant, name=JOBS, verb="delete"), Capability.JOBS),
        Capability.CREATING_PROJECTS: (
            partial(missing_grant, name=PROJECTS, verb="insert", columns=frozenset({"user_id", "name"})),
            Capability.PROJECTS,
        ),
        Capability.MIGRATING: (lambda facts, _: migrating(facts),),
        Capability.ROLLUPS: (summed, Capability.MIGRATED),
        Capability.OPERATING: (Capability.MIGRATED, _operating, Capability.CHANGING),
        Capability.RESTORING: (
            Capability.MIGRATED,
            partial(missing_grant, name=JOBS, verb="insert", columns=_JOB_COLUMNS),
        ),
    },
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    facts: DatabaseFacts
    claims_given: frozenset[str] = frozenset()
    """The names of the claims that the profile adds for every user."""

    def missing(self, feature: Capability, actor: Actor = OPERATOR) -> MissingCapability | None:
        """Return why the actor lacks the feature, or None. It is the same for all users, who act as the same role."""
        return merged(self.lacking(feature, actor))

    def lacking(self, feature: Capability, actor: Actor = OPERATOR) -> Iterator[MissingCapability]:
        """Yield everything that the actor lacks, most important first."""
        facts = self.facts
        # A missing table matters more than anything else that a user lacks.
        if actor != OPERATOR and JOBS in facts.relations and (missing := acting(facts)):
            yield missing
            return
        for need in NEEDS[feature]:
            if isinstance(need, Capability):
                yield from self.lacking(need, actor)
            elif (missing := need(facts, actor)) is not None:
                yield missing

    def forbidden_write(self, needs: Capability, actor: Actor) -> MissingCapability | None:
        """Return why gjobs does not try this write. A missing grant is no reason, because it may exist by now."""
        if missing := self.read_only_reason:
            return missing
        return next((missing for missing in self.lacking(needs, actor) if missing.forbids_writes), None)

    def has_later_columns(self, actor: Actor = OPERATOR, columns: Collection[str] = LATER_COLUMNS) -> bool:
        """Return whether the actor may read the columns of `gjobs migrate columns`. Before the first migration, the
        app's columns of these names may mean something else.
        """
        return self.facts.is_migrated and missing_grant(self.facts, actor, JOBS, frozenset(columns)) is None

    def knows_usual_durations(self, actor: Actor) -> bool:
        """Return whether leases and usual durations are readable, to find stuck jobs. Otherwise, stuck jobs are found
        by time alone.
        """
        return not self.missing(Capability.MIGRATED, actor) and self.has_later_columns(actor, {"completed_at"})

    def relation(self, *, is_request: bool) -> JobRelation:
        """Return what jobs are read from, by the login or by the role of the app's requests."""
        jobs = self.facts.relations.get(JOBS)
        privileges = None if jobs is None else jobs.users if is_request else jobs.login
        if jobs is None or privileges is None or unreadable(self.facts.job_columns):
            return PRESENT
        columns = [one for one in self.facts.job_columns if one.name in privileges.select]
        if not {one.name for one in columns}.issuperset(REQUIRED):
            return PRESENT
        return relation_of(columns, is_table=jobs.kind is RelationKind.TABLE, has_later=self.facts.is_migrated)

    @property
    def read_only_reason(self) -> MissingCapability | None:
        """Why nobody can write here, whatever their privileges."""
        return no_writes(self.facts)

    @property
    def restricted_view(self) -> MissingCapability | None:
        """Set if row level security also applies to the operator, who then may not see everything."""
        jobs = self.facts.relations.get(JOBS)
        if jobs is None or not jobs.row_security:
            return None
        login = quoted(self.facts.login)
        shows_all = f"Run ALTER ROLE {login} BYPASSRLS to show all jobs, or add a policy that lets the login read them."
        seen = "only the jobs that policies show" if jobs.has_policy else "no job"
        return MissingCapability(
            reason=f"Row level security applies to the login {self.facts.login}: it sees {seen}.",
            advice=OTHER_LOGIN if self.facts.login == API_LOGIN else shows_all,
        )

    @property
    def claim_columns(self) -> frozenset[str]:
        """The columns of `auth.users` that supply a user's claims."""
        relation = self.facts.relations.get(USERS)
        if relation is None or relation.row_security or not relation.login.schema:
            return frozenset()
        return relation.login.select

    @property
    def claims_without_column(self) -> frozenset[str]:
        """The claims that have no column in `auth.users`."""
        relation = self.facts.relations.get(USERS)
        if relation is None:
            return frozenset()
        return frozenset(claim for claim, column in COLUMNS.items() if column not in relation.columns)

    def partial_claims(self, actor: Actor) -> tuple[str, ...]:
        """Return the claims and request settings that policies read and that gjobs does not know.

        The actor may see other rows in the app. The operator needs no claims. A visitor has those of the public key.
        """
        policies = self.facts.policies
        if actor == OPERATOR or policies is None:
            return ()
        if isinstance(actor, Anon):
            unknown = policies.claims & (OF_PUBLIC_KEY | {WHOLE_TOKEN})
        else:
            unknown = policies.claims - known_claims(self.claim_columns, self.claims_given)
        return tuple(sorted(unknown | policies.settings))

    def claims_caution(self, actor: Actor) -> str:
        """Return why the app may show the actor other rows. Empty if gjobs knows every claim that policies read."""
        unknown = self.partial_claims(actor)
        if not unknown or self.facts.policies is None:
            return ""
        is_visitor = isinstance(actor, Anon)
        caution = (
            f"Partial claims: {unknown_claims_words(unknown)}"
            f" In the app, the {'visitor' if is_visitor else 'user'} may see other rows."
        )
        claims = set(unknown) - self.facts.policies.settings
        if is_visitor or not claims:
            return caution
        other_login = (
            "" if self.claims_without_column.issuperset(claims) else ", or connect as a login that reads auth.users"
        )
        return f"{caution} Add the claims to the profile{other_login}."

    def caution(self, actor: Actor) -> str:
        """Return why gjobs does not write to generation_jobs, and why the actor may not see everything."""
        unknown = unknown_jobs_table(self.facts)
        parts = unknown.reason if unknown else "", self.claims_caution(actor), self.rows_caution(actor)
        return " ".join(filter(None, parts))

    def rows_caution(self, actor: Actor) -> str:
        """Return the caution without the part on claims."""
        sentences = []
        if actor == OPERATOR and (missing := self.restricted_view):
            sentences.append(f"{missing.reason} Run {command('doctor')} for advice.")
        if not self.missing(Capability.JOBS, actor) and (missing := self.missing(Capability.PROJECTS, actor)):
            sentences.append(f"gjobs finds projects only through their jobs, without names. {missing.words}")
        return " ".join(sentences)

    @property
    def may_read_revision(self) -> bool:
        """Whether the applied migrations can be read."""
        if REVISIONS not in self.facts.relations:
            return False
        missing = missing_grant(self.facts, OPERATOR, REVISIONS, {"version_num"}) or hidden(self.facts, REVISIONS)
        return missing is None
