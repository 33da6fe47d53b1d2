"""What is off for whom, from facts alone."""

from dataclasses import replace

import pytest

from store.capabilities.capabilities import Capabilities
from store.capabilities.capability import Capability
from store.capabilities.facts import (
    ARCHIVE,
    ASSETS,
    BUDGETS,
    EVENTS,
    JOB_COUNTS,
    JOB_DAY_COUNTS,
    JOBS,
    PROJECTS,
    REVISIONS,
    SPENDING,
    USERS,
    DatabaseFacts,
    PolicyFacts,
    Privileges,
)
from store.errors import NoPrivilege, ReadOnly, SchemaMissing, StoreError
from store.users.actor import OPERATOR, Actor
from tests.store.capabilities.facts import FACTS, USER, all_of, with_relation, without_login


def words(facts: DatabaseFacts, feature: Capability, actor: Actor = OPERATOR) -> str:
    missing = Capabilities(facts).missing(feature, actor)
    return missing.words if missing else ""


OF_OPERATORS = {
    Capability.USERS: "Only the operator may read the users.",
    Capability.SETTING_BUDGETS: "Only the operator sets budgets.",
}


@pytest.mark.parametrize("feature", Capability)
def test_every_capability_is_available_when_everything_is_granted(feature: Capability) -> None:
    assert words(FACTS, feature) == ""
    assert words(FACTS, feature, USER) == OF_OPERATORS.get(feature, "")


@pytest.mark.parametrize(
    ("facts", "feature", "said"),
    [
        (with_relation(ASSETS, None), Capability.ASSETS, "There is no table assets. Run 'gjobs doctor'"),
        (with_relation(USERS, None), Capability.USERS, "There is no table auth.users. Run 'gjobs doctor'"),
        (
            with_relation(JOBS, replace(all_of(JOBS), columns=frozenset({"id", "mode"}))),
            Capability.JOBS,
            "The table generation_jobs lacks the columns cost_cents, created_at, error,",
        ),
        (
            without_login(PROJECTS, select=frozenset()),
            Capability.PROJECTS,
            'No grant: the role o"ps may not read projects. Mended by: GRANT SELECT ON public.projects TO "o""ps";',
        ),
        (
            without_login(USERS, select=frozenset({"id", "created_at"})),
            Capability.USERS,
            'No grant: the role o"ps may not read email of auth.users. Mended by: GRANT SELECT ON auth.users',
        ),
        (
            without_login(USERS, schema=False),
            Capability.USERS,
            'No grant: the role o"ps may not use the schema auth. Mended by: GRANT USAGE ON SCHEMA auth TO "o""ps";',
        ),
        (
            with_relation(USERS, replace(all_of(USERS), row_security=True, has_policy=False)),
            Capability.USERS,
            'Row level security hides auth.users from the login o"ps.',
        ),
        (
            with_relation(EVENTS, None),
            Capability.EVENTS,
            "This database does not record what happens to its jobs. 'gjobs migrate up' brings revision 0005,",
        ),
        *(
            (
                with_relation(ARCHIVE, None),
                feature,
                "This database keeps no archive of its jobs. 'gjobs migrate up' brings revision 0008, which keeps one.",
            )
            for feature in (Capability.ARCHIVE, Capability.ARCHIVING, Capability.RESTORING, Capability.RETENTION)
        ),
        (
            without_login(ARCHIVE, select=frozenset()),
            Capability.ARCHIVING,
            'No grant: the role o"ps may not read gjobs.archived_jobs.',
        ),
        (without_login(JOBS, delete=False), Capability.ARCHIVING, 'No grant: the role o"ps may not delete rows'),
        (without_login(JOBS, insert=frozenset()), Capability.RESTORING, 'No grant: the role o"ps may not write'),
        (
            with_relation(JOB_COUNTS, None),
            Capability.ROLLUPS,
            "This database keeps no sums of its jobs, so they are counted.",
        ),
        (
            with_relation(JOBS, replace(all_of(JOBS), row_security=True)),
            Capability.ROLLUPS,
            'Row level security applies to the login o"ps, so what it sees is counted.',
        ),
        (
            without_login(JOB_DAY_COUNTS, schema=False),
            Capability.ROLLUPS,
            'No grant: the role o"ps may not use the schema gjobs. Mended by: GRANT USAGE ON SCHEMA gjobs',
        ),
        (
            with_relation(SPENDING, None),
            Capability.BUDGETS,
            "This database keeps no budgets. 'gjobs migrate up' brings revision 0007, which keeps them.",
        ),
        (with_relation(BUDGETS, None), Capability.SETTING_BUDGETS, "This database keeps no budgets."),
        (
            without_login(SPENDING, select=frozenset()),
            Capability.BUDGETS,
            'No grant: the role o"ps may not read gjobs.budget_spending.',
        ),
        (
            without_login(BUDGETS, update=frozenset()),
            Capability.SETTING_BUDGETS,
            'No grant: the role o"ps may not change gjobs.budgets.',
        ),
        (
            with_relation(BUDGETS, replace(all_of(BUDGETS), row_security=True)),
            Capability.SETTING_BUDGETS,
            'Row level security keeps the login o"ps from setting budgets. Connect as the owner',
        ),
        (replace(FACTS, is_replica=True), Capability.SETTING_BUDGETS, "This server is a replica: it takes no writes."),
        (replace(FACTS, is_replica=True), Capability.BUDGETS, ""),
        (without_login(JOBS, insert=frozenset()), Capability.CREATING, 'No grant: the role o"ps may not write'),
        (
            without_login(PROJECTS, select=frozenset()),
            Capability.CREATING,
            'No grant: the role o"ps may not read projects',
        ),
        (
            without_login(JOBS, update=frozenset()),
            Capability.CHANGING,
            'No grant: the role o"ps may not change',
        ),
        (without_login(JOBS, delete=False), Capability.DELETING, 'No grant: the role o"ps may not delete rows of'),
        (
            replace(FACTS, is_replica=True),
            Capability.CHANGING,
            "This server is a replica: it takes no writes. Connect to",
        ),
        (replace(FACTS, is_replica=True), Capability.JOBS, ""),
        (replace(FACTS, is_read_only=True), Capability.DELETING, 'The login o"ps is read-only: default'),
        (replace(FACTS, is_read_only=True), Capability.JOBS, ""),
        (replace(FACTS, has_users_role=False), Capability.ACTING, "There is no role authenticated"),
        (
            replace(FACTS, may_become_user=False),
            Capability.ACTING,
            'The login o"ps may not act as a user. Mended',
        ),
        (replace(FACTS, has_uid=False), Capability.ACTING, "There is no function auth.uid()"),
        (replace(FACTS, users_may_use_auth=False), Capability.ACTING, "No grant: the role authenticated may not use"),
        (replace(FACTS, version_number=140_011), Capability.MIGRATING, "Migrations need PostgreSQL 15 or newer"),
        (
            with_relation(JOBS, replace(all_of(JOBS), is_owned=False)),
            Capability.MIGRATING,
            'The login o"ps does not own public.generation_jobs. Connect as their owner.',
        ),
        (replace(FACTS, may_create_in_public=False), Capability.MIGRATING, "No grant: the role"),
        (replace(FACTS, may_create_schemas=False), Capability.MIGRATING, 'No grant: the role o"ps may not create the'),
        (replace(with_relation(REVISIONS, all_of(REVISIONS)), may_create_schemas=False), Capability.MIGRATING, ""),
    ],
)
def test_missing_capability_states_its_reason(facts: DatabaseFacts, feature: Capability, said: str) -> None:
    assert words(facts, feature).startswith(said)
    assert bool(words(facts, feature)) is bool(said)


def test_capabilities_of_a_user_follow_the_grants_of_their_role() -> None:
    relation = FACTS.relations[JOBS]
    nothing = Privileges(schema=True, select=frozenset(), insert=frozenset(), update=frozenset(), delete=False)
    facts = with_relation(JOBS, replace(relation, users=nothing))
    assert words(facts, Capability.JOBS) == ""
    assert words(facts, Capability.JOBS, USER) == (
        "No grant: the role authenticated may not read generation_jobs."
        " Mended by: GRANT SELECT ON public.generation_jobs TO authenticated;"
    )


@pytest.mark.parametrize("feature", Capability)
def test_user_has_no_capability_when_the_login_cannot_act_as_users(feature: Capability) -> None:
    assert words(replace(FACTS, may_become_user=False), feature, USER).startswith("The login")


def test_missing_table_is_reported_before_a_missing_role() -> None:
    facts = replace(FACTS, relations={}, has_users_role=False)
    assert words(facts, Capability.JOBS, USER).startswith("There is no table generation_jobs.")


def test_operator_under_row_level_security_has_a_restricted_view() -> None:
    assert Capabilities(FACTS).restricted_view is None
    for has_policy, seen in ((True, "only what the policies show it."), (False, "no job.")):
        hidden = replace(all_of(JOBS), row_security=True, has_policy=has_policy)
        missing = Capabilities(with_relation(JOBS, hidden)).restricted_view
        assert missing is not None
        assert missing.reason == f'Row level security applies to the login o"ps: it sees {seen}'


def test_revision_hidden_by_row_level_security_cannot_be_read() -> None:
    assert not Capabilities(FACTS).may_read_revision
    assert Capabilities(with_relation(REVISIONS, all_of(REVISIONS))).may_read_revision
    hidden = replace(all_of(REVISIONS), row_security=True, has_policy=False)
    assert not Capabilities(with_relation(REVISIONS, hidden)).may_read_revision


def test_different_server_process_id_reveals_a_pooler() -> None:
    assert not FACTS.behind_pooler
    assert replace(FACTS, server_pid=8).behind_pooler


def test_caution_warns_about_a_restricted_view_and_unreadable_projects() -> None:
    assert Capabilities(FACTS).caution(OPERATOR) == ""
    less = Capabilities(with_relation(JOBS, replace(all_of(JOBS), row_security=True)))
    assert less.caution(OPERATOR).startswith('Row level security applies to the login o"ps')
    assert less.caution(USER) == ""
    nameless = Capabilities(without_login(PROJECTS, select=frozenset()))
    assert nameless.caution(OPERATOR).startswith("Projects are known by their jobs alone. No grant: ")
    assert Capabilities(without_login(JOBS, select=frozenset())).caution(OPERATOR) == ""


def test_user_has_no_rollups_when_the_app_has_its_own_policies() -> None:
    facts = replace(FACTS, policies=PolicyFacts(claims=frozenset(), shows_users_their_own=False))

    assert words(facts, Capability.ROLLUPS) == ""
    assert words(facts, Capability.ROLLUPS, USER) == (
        "The app's own policies decide which jobs users see, so theirs are counted."
    )


@pytest.mark.parametrize(
    ("facts", "feature", "error"),
    [
        (replace(FACTS, is_read_only=True), Capability.WORKING, ReadOnly),
        (replace(FACTS, is_replica=True), Capability.WORKING, ReadOnly),
        (without_login(EVENTS, select=frozenset()), Capability.EVENTS, NoPrivilege),
        (with_relation(EVENTS, None), Capability.EVENTS, SchemaMissing),
    ],
)
def test_missing_capability_raises_the_matching_error(
    facts: DatabaseFacts, feature: Capability, error: type[StoreError]
) -> None:
    missing = Capabilities(facts).missing(feature, OPERATOR)
    assert missing is not None
    assert type(missing.refusal) is error
    assert (missing.refusal.message, missing.refusal.hint) == (missing.reason, missing.hint)
