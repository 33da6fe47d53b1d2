"""`verify` only reads the catalog, with any login, through poolers and on replicas."""

import pytest

from gjobs.migrations import HEAD
from gjobs.migrations.connection import MigrationRefused
from gjobs.migrations.progress import Origin
from gjobs.migrations.runner import upgrade
from gjobs.migrations.verification import verify
from tests.conftest import Conninfo
from tests.hosted.cluster import Server
from tests.hosted.pooler import Pooler
from tests.hosted.replica import start_replica
from tests.migrations.conftest import execute


def test_verify_finds_an_app_database_adoptable(app_database: Conninfo) -> None:
    found = verify(app_database)

    assert (found.revision, found.origin, found.obstacle) == ("0001_app", Origin.APP, None)
    assert found.matches
    assert found.adoptable
    assert found.confirmed == found.promised


def test_verify_names_a_column_whose_type_up_refuses(attached_database: Conninfo) -> None:
    execute(attached_database, "alter table generation_jobs add retry_count text")
    found = verify(attached_database)
    assert found.matches
    assert not found.adoptable
    with pytest.raises(MigrationRefused) as refusal:
        upgrade(attached_database)
    assert found.obstacle == refusal.value.message


def test_verify_tolerates_missing_grants_to_request_roles(ungranted_database: Conninfo) -> None:
    found = verify(ungranted_database)

    assert {one.object for one in found.differences} == {"grant"}
    assert found.adoptable


def test_verify_by_a_login_without_ownership_names_the_obstacle(hosted_server: Server, app_database: Conninfo) -> None:
    for role in ("least_privilege", "under_policies", "authenticator"):
        found = verify(hosted_server.login(str(app_database["dbname"]), role))

        assert found.matches, role
        assert not found.adoptable, role
        assert found.obstacle == (
            f"The app's tables belong to postgres. Only their owner can migrate them, and you are connected as {role}."
        )


def test_verify_works_through_a_transaction_pooler_and_on_a_replica(
    hosted_server: Server, app_database: Conninfo, transaction_pooler: Pooler
) -> None:
    name = str(app_database["dbname"])

    pooled = verify(transaction_pooler.login(name))
    assert pooled.matches
    assert pooled.obstacle == "'gjobs migrate up' needs a direct connection, or a pooler in session mode."
    # A replica of its own: the shared one repeats the writes of all earlier tests, which took minutes in some runs.
    with start_replica(hosted_server, f"of_{name}") as replica:
        replica.catch_up()
        replicated = verify(replica.login(name))
    assert replicated.matches
    assert replicated.obstacle == "This server is a read replica. Migrate on its primary."


def test_verify_compares_a_migrated_database_with_its_revision(database: Conninfo) -> None:
    found = verify(database)

    assert (found.revision, found.origin, found.matches, found.adoptable) == (HEAD, Origin.MIGRATED, True, False)


def test_verify_finds_an_empty_database_not_adoptable(blank_database: Conninfo) -> None:
    found = verify(blank_database)

    assert (found.revision, found.origin, found.matches, found.adoptable) == ("0001_app", Origin.NOTHING, False, False)
    assert found.confirmed == ()
