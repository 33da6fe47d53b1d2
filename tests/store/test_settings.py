"""Which database is opened, and with whose eyes."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from store.settings import EmbeddedTarget, Settings, UrlTarget, resolve
from store.write_access import WriteRule

HOME = Path("/data")


def resolved(
    *,
    database_url: str | None = None,
    act_as: str | None = None,
    read_only: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    return resolve(
        database_url=database_url,
        act_as=act_as,
        read_only=read_only,
        data_dir=HOME,
        environment=environment or {},
    )


@pytest.mark.parametrize("environment", [{}, {"GJOBS_DATABASE_URL": ""}, {"DATABASE_URL": "postgresql://app/db"}])
def test_the_embedded_database_is_what_is_left(environment: Mapping[str, str]) -> None:
    settings = resolved(environment=environment)
    assert settings.target == EmbeddedTarget(data_dir=HOME)
    assert settings.act_as == "ada@example.com"


def test_the_environment_names_a_database() -> None:
    settings = resolved(environment={"GJOBS_DATABASE_URL": "postgresql://there/db"})
    assert settings.target == UrlTarget(url="postgresql://there/db", origin="GJOBS_DATABASE_URL")
    assert settings.act_as == "operator"


def test_an_option_wins() -> None:
    settings = resolved(
        database_url="postgresql://here/db",
        act_as="ben@example.com",
        environment={"GJOBS_DATABASE_URL": "postgresql://there/db", "GJOBS_AS": "ada@example.com"},
    )
    assert settings.target == UrlTarget(url="postgresql://here/db", origin="--database-url")
    assert (settings.act_as, settings.act_as_given) == ("ben@example.com", True)


def test_the_environment_says_whose_eyes() -> None:
    settings = resolved(environment={"GJOBS_AS": "operator"})
    assert (settings.act_as, settings.act_as_given) == ("operator", False)


def test_read_only_is_passed_on() -> None:
    assert resolved(read_only=True).write_rule is WriteRule.CLOSED
    assert resolved().write_rule is WriteRule.OPEN


def test_a_url_is_not_in_the_representation() -> None:
    settings = resolved(database_url="postgresql://ada:hunter2@here/db")
    assert "hunter2" not in repr(settings)
