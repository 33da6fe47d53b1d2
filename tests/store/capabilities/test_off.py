"""What is off for whom, from facts alone."""

from dataclasses import replace

import pytest

from store.capabilities.capabilities import Capabilities
from store.capabilities.capability import Feature
from store.capabilities.facts import (
    ARCHIVE,
    ASSETS,
    BUDGETS,
    DAY_SUMS,
    EVENTS,
    JOBS,
    PROJECTS,
    REVISIONS,
    SPENDING,
    SUMS,
    USERS,
    Facts,
    Privileges,
)
from store.errors import NoPrivilege, ReadOnly, SchemaMissing, StoreError
from store.users.actor import OPERATOR, Actor
from tests.store.capabilities.facts import FACTS, USER, all_of, with_relation, without_login


def words(facts: Facts, feature: Feature, actor: Actor = OPERATOR) -> str:
    off = Capabilities(facts).off(feature, actor)
    return off.words if off else ""


OF_OPERATORS = {
    Feature.USERS: "Only the operator may read the users.",
    Feature.SETTING_BUDGETS: "Only the operator sets budgets.",
}


@pytest.mark.parametrize("feature", Feature)
def test_all_is_offered_where_all_is_granted(feature: Feature) -> None:
    assert words(FACTS, feature) == ""
    assert words(FACTS, feature, USER) == OF_OPERATORS.get(feature, "")


@pytest.mark.parametrize(
    ("facts", "feature", "said"),
    [
        (with_relation(ASSETS, None), Feature.ASSETS, "There is no table assets. Run 'gjobs doctor'"),
        (with_relation(USERS, None), Feature.USERS, "There is no table auth.users. Run 'gjobs doctor'"),
        (
            with_relation(JOBS, replace(all_of(JOBS), columns=frozenset({"id", "mode"}))),
            Feature.JOBS,
            "The table generation_jobs lacks the columns cost_cents, created_at, error,",
        ),
        (
            without_login(PROJECTS, select=frozenset()),
            Feature.PROJECTS,
            'No grant: the role o"ps may not read projects. Mended by: GRANT SELECT ON public.projects TO "o""ps";',
        ),
        (
            without_login(USERS, select=frozenset({"id", "created_at"})),
            Feature.USERS,
            'No grant: the role o"ps may not read email of auth.users. Mended by: GRANT SELECT ON auth.users',
        ),
        (
            without_login(USERS, schema=False),
            Feature.USERS,
            'No grant: the role o"ps may not use the schema auth. Mended by: GRANT USAGE ON SCHEMA auth TO "o""ps";',
        ),
        (
            with_relation(USERS, replace(all_of(USERS), row_security=True, has_policy=False)),
            Feature.USERS,
            'Row level security hides auth.users from the login o"ps.',
        ),
        (
            with_relation(EVENTS, None),
            Feature.EVENTS,
            "This database does not record what happens to its jobs. 'gjobs migrate up' brings revision 0005,",
        ),
        *(
            (
                with_relation(ARCHIVE, None),
                feature,
                "This database keeps no archive of its jobs. 'gjobs migrate up' brings revision 0008, which keeps one.",
            )
            for feature in (Feature.ARCHIVE, Feature.ARCHIVING, Feature.RESTORING, Feature.RETENTION)
        ),
        (
            without_login(ARCHIVE, select=frozenset()),
            Feature.ARCHIVING,
            'No grant: the role o"ps may not read gjobs.archived_jobs.',
        ),
        (without_login(JOBS, delete=False), Feature.ARCHIVING, 'No grant: the role o"ps may not delete rows'),
        (without_login(JOBS, insert=frozenset()), Feature.RESTORING, 'No grant: the role o"ps may not write'),
        (with_relation(SUMS, None), Feature.ROLLUPS, "This database keeps no sums of its jobs, so they are counted."),
        (
            with_relation(JOBS, replace(all_of(JOBS), row_security=True)),
            Feature.ROLLUPS,
            'Row level security applies to the login o"ps, so what it sees is counted.',
        ),
        (
            without_login(DAY_SUMS, schema=False),
            Feature.ROLLUPS,
            'No grant: the role o"ps may not use the schema gjobs. Mended by: GRANT USAGE ON SCHEMA gjobs',
        ),
        (
            with_relation(SPENDING, None),
            Feature.BUDGETS,
            "This database keeps no budgets. 'gjobs migrate up' brings revision 0007, which keeps them.",
        ),
        (with_relation(BUDGETS, None), Feature.SETTING_BUDGETS, "This database keeps no budgets."),
        (
            without_login(SPENDING, select=frozenset()),
            Feature.BUDGETS,
            'No grant: the role o"ps may not read gjobs.budget_spending.',
        ),
        (
            without_login(BUDGETS, update=frozenset()),
            Feature.SETTING_BUDGETS,
            'No grant: the role o"ps may not change gjobs.budgets.',
        ),
        (
            with_relation(BUDGETS, replace(all_of(BUDGETS), row_security=True)),
            Feature.SETTING_BUDGETS,
            'Row level security keeps the login o"ps from setting budgets. Connect as the owner',
        ),
        (replace(FACTS, is_replica=True), Feature.SETTING_BUDGETS, "This server is a replica: it takes no writes."),
        (replace(FACTS, is_replica=True), Feature.BUDGETS, ""),
        (without_login(JOBS, insert=frozenset()), Feature.CREATING, 'No grant: the role o"ps may not write'),
        (
            without_login(PROJECTS, select=frozenset()),
            Feature.CREATING,
            'No grant: the role o"ps may not read projects',
        ),
        (
            without_login(JOBS, update=frozenset()),
            Feature.CHANGING,
            'No grant: the role o"ps may not change',
        ),
        (without_login(JOBS, delete=False), Feature.DELETING, 'No grant: the role o"ps may not delete rows of'),
        (replace(FACTS, is_replica=True), Feature.CHANGING, "This server is a replica: it takes no writes. Connect to"),
        (replace(FACTS, is_replica=True), Feature.JOBS, ""),
        (replace(FACTS, is_read_only=True), Feature.DELETING, 'The login o"ps is read-only: default'),
        (replace(FACTS, is_read_only=True), Feature.JOBS, ""),
        (replace(FACTS, has_users_role=False), Feature.ACTING, "There is no role authenticated"),
        (
            replace(FACTS, may_become_user=False),
            Feature.ACTING,
            'The login o"ps may not act as a user. Mended',
        ),
        (replace(FACTS, has_uid=False), Feature.ACTING, "There is no function auth.uid()"),
        (replace(FACTS, users_may_use_auth=False), Feature.ACTING, "No grant: the role authenticated may not use"),
        (replace(FACTS, version_number=140_011), Feature.MIGRATING, "Migrations need PostgreSQL 15 or newer"),
        (
            with_relation(JOBS, replace(all_of(JOBS), is_owned=False)),
            Feature.MIGRATING,
            'The login o"ps does not own public.generation_jobs. Connect as their owner.',
        ),
        (replace(FACTS, may_create_in_public=False), Feature.MIGRATING, "No grant: the role"),
        (replace(FACTS, may_create_schemas=False), Feature.MIGRATING, 'No grant: the role o"ps may not create the'),
        (replace(with_relation(REVISIONS, all_of(REVISIONS)), may_create_schemas=False), Feature.MIGRATING, ""),
    ],
)
def test_the_reason(facts: Facts, feature: Feature, said: str) -> None:
    assert words(facts, feature).startswith(said)
    assert bool(words(facts, feature)) is bool(said)


def test_users_have_what_their_role_has() -> None:
    relation = FACTS.relations[JOBS]
    nothing = Privileges(schema=True, select=frozenset(), insert=frozenset(), update=frozenset(), delete=False)
    facts = with_relation(JOBS, replace(relation, users=nothing))
    assert words(facts, Feature.JOBS) == ""
    assert words(facts, Feature.JOBS, USER) == (
        "No grant: the role authenticated may not read generation_jobs."
        " Mended by: GRANT SELECT ON public.generation_jobs TO authenticated;"
    )


@pytest.mark.parametrize("feature", Feature)
def test_nothing_is_a_users_where_nobody_can_act_as_one(feature: Feature) -> None:
    assert words(replace(FACTS, may_become_user=False), feature, USER).startswith("The login")


def test_a_missing_table_says_more_than_a_missing_role() -> None:
    facts = replace(FACTS, relations={}, has_users_role=False)
    assert words(facts, Feature.JOBS, USER).startswith("There is no table generation_jobs.")


def test_an_operator_under_row_level_security_is_told_so() -> None:
    assert Capabilities(FACTS).sees_less is None
    for has_policy, seen in ((True, "only what the policies show it."), (False, "no job.")):
        hidden = replace(all_of(JOBS), row_security=True, has_policy=has_policy)
        off = Capabilities(with_relation(JOBS, hidden)).sees_less
        assert off is not None
        assert off.reason == f'Row level security applies to the login o"ps: it sees {seen}'


def test_the_revision_may_be_hidden() -> None:
    assert not Capabilities(FACTS).may_read_revision
    assert Capabilities(with_relation(REVISIONS, all_of(REVISIONS))).may_read_revision
    hidden = replace(all_of(REVISIONS), row_security=True, has_policy=False)
    assert not Capabilities(with_relation(REVISIONS, hidden)).may_read_revision


def test_a_pooler_tells_another_process() -> None:
    assert not FACTS.behind_pooler
    assert replace(FACTS, server_pid=8).behind_pooler


def test_what_must_be_known_of_what_is_shown() -> None:
    assert Capabilities(FACTS).caution(OPERATOR) == ""
    less = Capabilities(with_relation(JOBS, replace(all_of(JOBS), row_security=True)))
    assert less.caution(OPERATOR).startswith('Row level security applies to the login o"ps')
    assert less.caution(USER) == ""
    nameless = Capabilities(without_login(PROJECTS, select=frozenset()))
    assert nameless.caution(OPERATOR).startswith("Projects are known by their jobs alone. No grant: ")
    assert Capabilities(without_login(JOBS, select=frozenset())).caution(OPERATOR) == ""


def test_where_the_apps_own_policies_decide_what_users_see_theirs_are_counted() -> None:
    facts = with_relation(JOBS, replace(all_of(JOBS), policies_of_users=2))

    assert words(facts, Feature.ROLLUPS) == ""
    assert words(facts, Feature.ROLLUPS, USER) == (
        "The app's own policies decide which jobs users see, so theirs are counted."
    )


@pytest.mark.parametrize(
    ("facts", "feature", "error"),
    [
        (replace(FACTS, is_read_only=True), Feature.WORKING, ReadOnly),
        (replace(FACTS, is_replica=True), Feature.WORKING, ReadOnly),
        (without_login(EVENTS, select=frozenset()), Feature.EVENTS, NoPrivilege),
        (with_relation(EVENTS, None), Feature.EVENTS, SchemaMissing),
    ],
)
def test_what_is_needed_and_off_is_refused_as_what_it_is(
    facts: Facts, feature: Feature, error: type[StoreError]
) -> None:
    off = Capabilities(facts).off(feature, OPERATOR)
    assert off is not None
    assert type(off.refusal) is error
    assert (off.refusal.message, off.refusal.hint) == (off.reason, off.hint)
