"""From facts to what is off: one rule for each thing that needs several of them. Pure."""

from collections.abc import Set

from store.actor import ActingUser, Actor
from store.capabilities.facts import (
    ARCHIVE,
    ASSETS,
    BUDGETS,
    DAY_SUMS,
    EVENTS,
    JOBS,
    LEASES,
    LINKS,
    PROJECTS,
    ROLE_OF_USERS,
    SPENDING,
    SUMS,
    USERS,
    WORKERS,
    Facts,
    Privileges,
    Relation,
)
from store.capabilities.off import Off, absent, no_delete, no_grant, no_schema, quoted

OLDEST_READ, OLDEST_MIGRATED = 14, 15
"""The server's major versions. From the second on a view can have its caller's rights."""
SETTING_IS_A_RIGHT = 16
"""From this one on, to be a member of a role and to be allowed to SET ROLE to it are two things."""


def read(facts: Facts, name: str, actor: Actor, columns: Set[str]) -> Off | None:
    relation = facts.relations.get(name)
    if relation is None or not columns <= relation.columns:
        return absent(name, relation, columns)
    privileges, role = _privileges(facts, relation, actor)
    return no_schema(name, privileges, role) or no_grant(name, privileges.select, role, "select", columns)


def written(facts: Facts, name: str, actor: Actor, verb: str, columns: Set[str]) -> Off | None:
    """`verb` is insert or update."""
    if off := no_writes(facts):
        return off
    relation = facts.relations.get(name)
    if relation is None or not columns <= relation.columns:
        return absent(name, relation, columns)
    privileges, role = _privileges(facts, relation, actor)
    granted = privileges.insert if verb == "insert" else privileges.update
    return no_schema(name, privileges, role) or no_grant(name, granted, role, verb, columns)


def deleted(facts: Facts, name: str, actor: Actor) -> Off | None:
    if off := no_writes(facts):
        return off
    relation = facts.relations.get(name)
    if relation is None:
        return absent(name, relation, ())
    privileges, role = _privileges(facts, relation, actor)
    return no_schema(name, privileges, role) or no_delete(name, privileges, role)


def hidden(facts: Facts, name: str) -> Off | None:
    """Where row level security shows the login no row of a table, whatever is in it."""
    relation = facts.relations.get(name)
    if relation is None or not relation.row_security or relation.has_policy:
        return None
    return Off(
        reason=f"Row level security hides {name} from the login {facts.login}.",
        advice="Connect as a role that bypasses row level security.",
    )


def acting(facts: Facts) -> Off | None:
    """Against looking with a user's eyes."""
    if not facts.has_users_role:
        return Off(
            reason=f"There is no role {ROLE_OF_USERS}, which a user's statements run as.",
            sql=f"CREATE ROLE {ROLE_OF_USERS} NOLOGIN NOINHERIT; {_membership(facts)}",
        )
    if not facts.may_become_user:
        return Off(
            reason=f"The login {facts.login} may not act as a user.",
            sql=_membership(facts),
        )
    if not facts.has_uid:
        return Off(
            reason="There is no function auth.uid(), by which policies know a user.",
            advice="'gjobs migrate sql' prints the SQL that makes it.",
        )
    if not facts.users_may_use_auth:
        return Off(
            reason=f"No grant: the role {ROLE_OF_USERS} may not use the schema auth, so no policy knows its user.",
            sql=f"GRANT USAGE ON SCHEMA auth TO {ROLE_OF_USERS};",
        )
    return None


def _membership(facts: Facts) -> str:
    """From 16 on a member may still lack the right to SET ROLE; what is not said stays as it is."""
    options = " WITH INHERIT FALSE, SET TRUE" if facts.major_version >= SETTING_IS_A_RIGHT else ""
    return f"GRANT {ROLE_OF_USERS} TO {quoted(facts.login)}{options};"


def migrating(facts: Facts) -> Off | None:
    if off := no_writes(facts):
        return off
    login = facts.login
    if facts.major_version < OLDEST_MIGRATED:
        return Off(
            reason=f"Migrations need PostgreSQL {OLDEST_MIGRATED} or newer; this is {facts.version}.",
            advice="Upgrade the server.",
        )
    tables = [name for name in (PROJECTS, ASSETS, JOBS) if name in facts.relations]
    if others := [name for name in tables if not facts.relations[name].is_owned]:
        return Off(reason=f"The login {login} does not own {', '.join(others)}.", advice="Connect as their owner.")
    if not facts.may_create_in_public:
        return Off(
            reason=f"No grant: the role {login} may not create anything in the schema public.",
            sql=f"GRANT CREATE ON SCHEMA public TO {quoted(login)};",
        )
    if not (facts.is_managed or facts.may_create_schemas):
        return Off(
            reason=f"No grant: the role {login} may not create the schema gjobs.",
            sql=f"CREATE SCHEMA gjobs AUTHORIZATION {quoted(login)};",
        )
    return None


def summed(facts: Facts, actor: Actor) -> Off | None:
    """Against reading sums in place of the jobs: they are of all jobs, or of a user's own, and of no other choice."""
    if SUMS not in facts.relations or DAY_SUMS not in facts.relations:
        return Off(
            reason="This database keeps no sums of its jobs, so they are counted.",
            advice="'gjobs migrate up' brings revision 0004, which keeps them.",
        )
    jobs = facts.relations.get(JOBS)
    if jobs is None:
        return absent(JOBS, jobs, ())
    if not isinstance(actor, ActingUser) and jobs.row_security:
        return Off(reason=f"Row level security applies to the login {facts.login}, so what it sees is counted.")
    if isinstance(actor, ActingUser) and jobs.policies_of_users != 1:
        return Off(reason="The app's own policies decide which jobs users see, so theirs are counted.")
    return None


def linked(facts: Facts) -> Off | None:
    if LINKS in facts.relations:
        return None
    return Off(
        reason="This database cannot say which job repeats which.",
        advice="'gjobs migrate up' brings revision 0006, which can. Until then create a new job to run one again.",
    )


def recorded(facts: Facts) -> Off | None:
    if EVENTS in facts.relations:
        return None
    return Off(
        reason="This database does not record what happens to its jobs.",
        advice="'gjobs migrate up' brings revision 0005, which does.",
    )


def budgeted(facts: Facts) -> Off | None:
    if BUDGETS in facts.relations and SPENDING in facts.relations:
        return None
    return Off(
        reason="This database keeps no budgets.", advice="'gjobs migrate up' brings revision 0007, which keeps them."
    )


def setting_budgets(facts: Facts, actor: Actor, columns: Set[str]) -> Off | None:
    """Nobody wants a customer to raise their own limit, so nothing is said of how to let them."""
    if isinstance(actor, ActingUser):
        return Off(reason="Only the operator sets budgets.")
    off = written(facts, BUDGETS, actor, "insert", columns) or written(facts, BUDGETS, actor, "update", columns)
    if off is not None or not facts.relations[BUDGETS].row_security:
        return off
    return Off(
        reason=f"Row level security keeps the login {facts.login} from setting budgets.",
        advice="Connect as the owner of the tables.",
    )


def archived(facts: Facts) -> Off | None:
    """Against putting jobs away, and policies by which it is done."""
    if ARCHIVE in facts.relations:
        return None
    return Off(
        reason="This database keeps no archive of its jobs.",
        advice="'gjobs migrate up' brings revision 0008, which keeps one.",
    )


def leased(facts: Facts) -> Off | None:
    """Against working on jobs where nothing says whose each is."""
    if LEASES in facts.relations and WORKERS in facts.relations:
        return None
    return Off(
        reason="This database keeps no leases, by which workers know whose job is whose.",
        advice="'gjobs migrate up' brings revision 0006, which keeps them.",
    )


def users(facts: Facts, actor: Actor, columns: Set[str]) -> Off | None:
    """Nobody wants a customer to read everybody's e-mail, so nothing is said of how to let them."""
    if isinstance(actor, ActingUser):
        return Off(reason="Only the operator may read the users.")
    return read(facts, USERS, actor, columns) or hidden(facts, USERS)


def no_writes(facts: Facts) -> Off | None:
    """Against any write, whoever asks."""
    if facts.is_replica:
        return Off(
            reason="This server is a replica: it takes no writes.",
            advice="Connect to the primary server.",
            forbids_writes=True,
        )
    if facts.is_read_only:
        return Off(
            reason=f"The login {facts.login} is read-only: default_transaction_read_only is on for it.",
            advice="That is set for a login made to look, or by a host whose disk is full.",
            forbids_writes=True,
        )
    return None


def _privileges(facts: Facts, relation: Relation, actor: Actor) -> tuple[Privileges, str]:
    """With the role that has them."""
    if isinstance(actor, ActingUser) and relation.users is not None:
        return relation.users, ROLE_OF_USERS
    return relation.login, facts.login
