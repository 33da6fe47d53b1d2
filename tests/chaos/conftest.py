"""A migrated database on a server that tests may kill."""

from collections.abc import Iterator

import pytest

from gjobs.migrations.runner import upgrade
from tests.hosted.cluster import Server, copied, make_project


@pytest.fixture(scope="session")
def migrated_project(killable_server: Server) -> str:
    """The name of the database that tests copy."""
    make_project(killable_server, "migrated", old_privileges=True)
    upgrade(killable_server.login("migrated"))
    return "migrated"


@pytest.fixture
def project_database(killable_server: Server, migrated_project: str) -> Iterator[str]:
    with copied(killable_server, migrated_project) as name:
        yield name
