"""`verify` reads the catalogue alone, whoever asks and through whatever stands between."""

import pytest

from migrations import HEAD
from migrations.progress import Origin
from migrations.runner import upgrade, verify
from store.errors import SchemaMissing
from tests.conftest import Conninfo, connect
from tests.hosted.cluster import Server
from tests.hosted.pooler import Pooler
from tests.hosted.replica import Replica


def test_an_apps_own_database(app_database: Conninfo) -> None:
    found = verify(app_database)

    assert (found.revision, found.origin, found.obstacle) == ("0001", Origin.APP, None)
    assert found.matches
    assert found.adoptable
    assert found.confirmed == found.promised


def test_one_that_grants_the_roles_of_requests_nothing(ungranted_database: Conninfo) -> None:
    found = verify(ungranted_database)

    assert {one.object for one in found.differences} == {"grant"}
    assert found.adoptable


@pytest.mark.parametrize("role", ["least_privilege", "under_policies", "authenticator"])
def test_by_a_login_that_could_not_migrate(hosted_server: Server, app_database: Conninfo, role: str) -> None:
    found = verify(hosted_server.login(str(app_database["dbname"]), role))

    assert found.matches
    assert not found.adoptable
    assert found.obstacle == (
        f"The app's tables belong to postgres, and only their owner can migrate them; this is {role}."
    )


def test_through_a_transaction_pooler_and_on_a_replica(
    app_database: Conninfo, transaction_pooler: Pooler, replica: Replica
) -> None:
    name = str(app_database["dbname"])
    replica.catch_up()

    pooled = verify(transaction_pooler.login(name))
    assert pooled.matches
    assert pooled.obstacle == "'gjobs migrate up' needs a direct connection, or a pooler in session mode."
    replicated = verify(replica.login(name))
    assert replicated.matches
    assert replicated.obstacle == "This server is a read replica: migrate on its primary."


def test_a_migrated_database_is_held_to_its_revision(database: Conninfo) -> None:
    found = verify(database)

    assert (found.revision, found.origin, found.matches, found.adoptable) == (HEAD, Origin.MIGRATED, True, False)


def test_an_empty_database(blank_database: Conninfo) -> None:
    found = verify(blank_database)

    assert (found.revision, found.origin, found.matches, found.adoptable) == ("0001", Origin.NOTHING, False, False)
    assert found.confirmed == ()


def test_a_newer_programs_database(migrated_copy: Conninfo) -> None:
    with connect(migrated_copy) as connection:
        connection.execute("update gjobs.alembic_version set version_num = '9999'")

    with pytest.raises(SchemaMissing, match="9999"):
        verify(migrated_copy)


def test_it_is_the_same_after_the_app_was_taken_over(app_database: Conninfo) -> None:
    upgrade(app_database)

    assert verify(app_database).differences == ()
