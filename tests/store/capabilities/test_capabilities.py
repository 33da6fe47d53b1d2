"""Missing capabilities of each actor, and their reasons, from facts alone."""

from dataclasses import replace

import pytest

from gjobs.store.capabilities.capabilities import Capabilities
from gjobs.store.capabilities.capability import (
    ASSETS,
    JOB_SUMMARY,
    JOBS,
    LEASES,
    OTHER_LOGIN,
    PROJECTS,
    REVISIONS,
    USERS,
    Capability,
    DatabaseFacts,
    PolicyFacts,
    Privileges,
)
from gjobs.store.errors import NoPrivilege, ReadOnly, SchemaMissing, StoreError
from gjobs.store.users.actor import OPERATOR, Actor
from tests.store.capabilities.sample_facts import FACTS, USER, all_of, altered, with_relation, without_login


def words(facts: DatabaseFacts, feature: Capability, actor: Actor = OPERATOR) -> str:
    missing = Capabilities(facts).missing(feature, actor)
    return missing.words if missing else ""


AS_OPERATOR = "Act as the operator: leave --as out, or press u in the dashboard."

OF_OPERATORS = {
    Capability.USERS: f"Only the operator may read the users. {AS_OPERATOR}",
    Capability.OPERATING: f"Only the operator can set limits and run workers. {AS_OPERATOR}",
}


def test_every_capability_is_available_when_everything_is_granted() -> None:
    for feature in Capability:
        assert words(FACTS, feature) == ""
        assert words(FACTS, feature, USER) == OF_OPERATORS.get(feature, "")


NO_GRANT = 'No grant: the role o"ps may not '
NO_COLUMNS: frozenset[str] = frozenset()
UNMIGRATED = with_relation(JOB_SUMMARY, None)
NOT_ADDED = (
    "This database lacks what gjobs adds: events, workers, budgets, and the archive. Run 'gjobs migrate up' to add it."
)
REPLICA, READ_ONLY = replace(FACTS, is_replica=True), replace(FACTS, is_read_only=True)

REASONS: dict[Capability, list[tuple[DatabaseFacts, str]]] = {
    Capability.ASSETS: [(with_relation(ASSETS, None), "There is no table assets. Run 'gjobs doctor'")],
    Capability.USERS: [
        (with_relation(USERS, None), "There is no table auth.users. Run 'gjobs doctor'"),
        (
            without_login(USERS, select=frozenset({"id", "created_at"})),
            f"{NO_GRANT}read email of auth.users. To fix it, run: GRANT SELECT ON auth.users",
        ),
        (
            without_login(USERS, schema=False),
            f'{NO_GRANT}use the schema auth. To fix it, run: GRANT USAGE ON SCHEMA auth TO "o""ps";',
        ),
        (
            altered(USERS, row_security=True, has_policy=False),
            'Row level security hides auth.users from the login o"ps.',
        ),
    ],
    Capability.JOBS: [
        (
            altered(JOBS, columns=frozenset({"id", "mode"})),
            "The table generation_jobs lacks the columns created_at, status.",
        ),
        (REPLICA, ""),
        (READ_ONLY, ""),
    ],
    Capability.PROJECTS: [
        (
            without_login(PROJECTS, select=NO_COLUMNS),
            f'{NO_GRANT}read projects. To fix it, run: GRANT SELECT ON public.projects TO "o""ps";',
        ),
    ],
    Capability.MIGRATED: [
        (UNMIGRATED, NOT_ADDED),
        (
            without_login(JOB_SUMMARY, schema=False),
            f"{NO_GRANT}use the schema gjobs. To fix it, run: GRANT USAGE ON SCHEMA gjobs",
        ),
        (without_login(JOB_SUMMARY, select=NO_COLUMNS), f"{NO_GRANT}read gjobs.job_summary."),
        (REPLICA, ""),
    ],
    Capability.RESTORING: [(UNMIGRATED, NOT_ADDED), (without_login(JOBS, insert=NO_COLUMNS), f"{NO_GRANT}write")],
    Capability.RETRYING: [
        (UNMIGRATED, NOT_ADDED),
        (altered(JOBS, columns=all_of(JOBS).columns - {"retry_count", "completed_at"}), ""),
        (without_login(JOBS, insert=all_of(JOBS).columns - {"retry_count"}), f"{NO_GRANT}write retry_count of"),
    ],
    Capability.ROLLUPS: [
        (
            UNMIGRATED,
            "This database keeps no rollups of its jobs, so gjobs counts them. Run 'gjobs migrate up' to add rollups.",
        ),
        (
            altered(JOBS, row_security=True),
            'Row level security applies to the login o"ps, so gjobs counts the jobs that it sees.',
        ),
    ],
    Capability.OPERATING: [
        (UNMIGRATED, NOT_ADDED),
        (without_login(LEASES, insert=NO_COLUMNS), f"{NO_GRANT}write gjobs.job_leases."),
        (
            altered(LEASES, row_security=True),
            'Row level security keeps the login o"ps from writing to the schema gjobs. Connect as the owner',
        ),
        (REPLICA, "This server is a replica and accepts no writes."),
    ],
    Capability.CREATING: [
        (without_login(JOBS, insert=NO_COLUMNS), f"{NO_GRANT}write"),
        (without_login(PROJECTS, select=NO_COLUMNS), f"{NO_GRANT}read projects"),
    ],
    Capability.CHANGING: [
        (without_login(JOBS, update=NO_COLUMNS), f"{NO_GRANT}change"),
        (REPLICA, "This server is a replica and accepts no writes. Connect to"),
    ],
    Capability.DELETING: [
        (without_login(JOBS, delete=False), f"{NO_GRANT}delete rows of"),
        (READ_ONLY, 'The login o"ps is read-only: default'),
    ],
    Capability.ACTING: [
        (replace(FACTS, has_users_role=False), "There is no role authenticated"),
        (replace(FACTS, may_become_user=False), 'The login o"ps may not act as a user. To fix it'),
        (replace(FACTS, has_uid=False), "There is no function auth.uid()"),
        (replace(FACTS, users_may_use_auth=False), "No grant: the role authenticated may not use"),
    ],
    Capability.MIGRATING: [
        (replace(FACTS, version_number=140_011), "Migrations need PostgreSQL 15 or newer"),
        (
            altered(JOBS, is_owned=False),
            'The login o"ps does not own public.generation_jobs. Connect as their owner.',
        ),
        (replace(FACTS, may_create_in_public=False), "No grant: the role"),
        (replace(FACTS, may_create_schemas=False), f"{NO_GRANT}create the"),
        (replace(with_relation(REVISIONS, all_of(REVISIONS)), may_create_schemas=False), ""),
    ],
}


@pytest.mark.parametrize(
    ("feature", "facts", "reason"),
    [pytest.param(one, *case, id=f"{one}: {case[1]}") for one, cases in REASONS.items() for case in cases],
)
def test_missing_capability_states_its_reason(feature: Capability, facts: DatabaseFacts, reason: str) -> None:
    assert words(facts, feature).startswith(reason)
    assert bool(words(facts, feature)) is bool(reason)


def test_capabilities_of_a_user_need_grants_a_role_and_a_login_that_may_act_as_users() -> None:
    nothing = Privileges(schema=True, select=NO_COLUMNS, insert=NO_COLUMNS, update=NO_COLUMNS, delete=False)
    facts = altered(JOBS, users=nothing)
    assert words(facts, Capability.JOBS) == ""
    assert words(facts, Capability.JOBS, USER) == (
        "No grant: the role authenticated may not read generation_jobs."
        " To fix it, run: GRANT SELECT ON public.generation_jobs TO authenticated;"
    )

    for feature in Capability:
        assert words(replace(FACTS, may_become_user=False), feature, USER).startswith("The login")

    facts = replace(FACTS, relations={}, has_users_role=False)
    assert words(facts, Capability.JOBS, USER).startswith("There is no table generation_jobs.")

    facts = replace(FACTS, policies=PolicyFacts(claims=frozenset(), shows_users_their_own=False))

    assert words(facts, Capability.ROLLUPS) == ""
    assert words(facts, Capability.ROLLUPS, USER) == (
        "The app's own policies decide which jobs users see, so gjobs counts the jobs."
    )


def test_restricted_view_and_unreadable_projects_cause_a_caution() -> None:
    assert Capabilities(FACTS).restricted_view is None
    for has_policy, seen in ((True, "only the jobs that policies show."), (False, "no job.")):
        off = Capabilities(altered(JOBS, row_security=True, has_policy=has_policy)).restricted_view
        assert off is not None
        assert off.reason == f'Row level security applies to the login o"ps: it sees {seen}'

    assert Capabilities(FACTS).caution(OPERATOR) == ""
    restricted = Capabilities(altered(JOBS, row_security=True))
    assert restricted.caution(OPERATOR).startswith('Row level security applies to the login o"ps')
    assert restricted.caution(USER) == ""
    without_projects = Capabilities(without_login(PROJECTS, select=frozenset()))
    assert without_projects.caution(OPERATOR).startswith(
        "gjobs finds projects only through their jobs, without names. No grant: "
    )
    assert Capabilities(without_login(JOBS, select=frozenset())).caution(OPERATOR) == ""


def test_no_advice_gives_the_apis_login_more_privileges() -> None:
    for changed in (
        altered(JOBS, row_security=True),
        without_login(JOBS, select=frozenset()),
        without_login(JOBS, schema=False),
        without_login(JOBS, delete=False),
    ):
        capabilities = Capabilities(replace(changed, login="authenticator"))
        missing = [one for need in Capability for one in [capabilities.missing(need, OPERATOR)] if one]
        found = [one for one in (capabilities.restricted_view, *missing) if one]
        assert OTHER_LOGIN in [one.advice for one in found]
        assert not [one for one in found if "authenticator" in f"{one.sql} {one.advice}".replace(OTHER_LOGIN, "")]


def test_revision_hidden_by_row_level_security_cannot_be_read() -> None:
    assert not Capabilities(FACTS).may_read_revision
    assert Capabilities(with_relation(REVISIONS, all_of(REVISIONS))).may_read_revision
    assert not Capabilities(altered(REVISIONS, row_security=True, has_policy=False)).may_read_revision


@pytest.mark.parametrize(
    ("facts", "feature", "error"),
    [
        (replace(FACTS, is_read_only=True), Capability.OPERATING, ReadOnly),
        (replace(FACTS, is_replica=True), Capability.OPERATING, ReadOnly),
        (without_login(JOB_SUMMARY, select=frozenset()), Capability.MIGRATED, NoPrivilege),
        (UNMIGRATED, Capability.MIGRATED, SchemaMissing),
    ],
)
def test_missing_capability_raises_its_error(
    facts: DatabaseFacts, feature: Capability, error: type[StoreError]
) -> None:
    missing = Capabilities(facts).missing(feature, OPERATOR)
    assert missing is not None
    assert type(missing.refusal) is error
    assert (missing.refusal.message, missing.refusal.hint) == (missing.reason, missing.hint)
