"""The choice of the database, the acting user and the write mode."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gjobs.store.configuration.settings import (
    EMBEDDED_PROFILE,
    NO_CONFIGURATION,
    Configuration,
    Profile,
    Settings,
    WriteMode,
    resolve,
    switched,
)
from gjobs.store.errors import InvalidValue

HOME = Path("/data")

PROD = Profile(
    name="prod",
    label="Production",
    act_as="ana@example.com",
    address="postgresql://prod/app",
    parameters={"sslmode": "require"},
    password_command=("pass", "prod"),
)

LAB = Profile(name="lab", label="lab", write=True, address="service='lab'")

PROFILES = {"prod": PROD, "lab": LAB, "embedded": EMBEDDED_PROFILE}

FILE = Configuration(path=Path("/config.toml"), profiles=PROFILES)

DEFAULT_LAB = replace(FILE, default_profile="lab")

URL = "postgresql://ada:hunter2@here/db"


Options = dict[str, Any]


def resolved(environment: dict[str, str], configuration: Configuration = NO_CONFIGURATION, **options: Any) -> Settings:
    return resolve(data_dir=HOME, environment=environment, configuration=configuration, **options)


@pytest.mark.parametrize("environment", [{}, {"GJOBS_DATABASE_URL": "", "DATABASE_URL": "", "GJOBS_PROFILE": ""}])
def test_embedded_database_is_the_default(environment: dict[str, str]) -> None:
    settings = resolved(environment)
    assert (settings.is_embedded, settings.data_dir, settings.is_fallback) == (True, HOME, True)
    assert (settings.profile, settings.act_as, settings.act_as_origin) == (EMBEDDED_PROFILE, "ada@example.com", None)


SET = {"DATABASE_URL": "postgresql://app/db"}

GJOBS_URL = {**SET, "GJOBS_DATABASE_URL": "postgresql://there/db"}

GJOBS_PROFILE = {**SET, "GJOBS_PROFILE": "prod"}

BOTH = {**GJOBS_URL, **GJOBS_PROFILE}


@pytest.mark.parametrize(
    ("options", "environment", "configuration", "origin"),
    [
        ({"database_url": URL}, BOTH, DEFAULT_LAB, "--database-url"),
        ({"profile": "lab"}, BOTH, DEFAULT_LAB, "the profile 'lab'"),
        ({"profile": "embedded"}, GJOBS_URL, DEFAULT_LAB, None),
        ({}, GJOBS_URL, DEFAULT_LAB, "GJOBS_DATABASE_URL"),
        ({}, GJOBS_PROFILE, DEFAULT_LAB, "the profile 'prod'"),
        ({}, SET, DEFAULT_LAB, "the profile 'lab'"),
        ({}, SET, replace(FILE, default_profile="embedded"), None),
        ({}, SET, FILE, "DATABASE_URL"),
        ({}, SET, NO_CONFIGURATION, "DATABASE_URL"),
    ],
)
def test_database_choice_follows_option_variable_file_then_database_url(
    options: Options, environment: dict[str, str], configuration: Configuration, origin: str | None
) -> None:
    settings = resolved(environment, configuration, **options)
    assert not settings.is_fallback, "the dashboard does not ask for another database"
    assert settings.is_embedded is (origin is None)
    assert settings.profile.origin == (origin or "the profile 'embedded'")


def test_address_without_a_profile_is_a_profile_without_a_name() -> None:
    assert resolved({}, FILE, profile="prod").profile == PROD
    assert resolved({}, FILE, database_url=URL).profile == Profile(address=URL, variable="--database-url")


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        ({"database_url": URL, "profile": "prod"}, {}, "--database-url.*--profile"),
        ({}, BOTH, "GJOBS_DATABASE_URL.*GJOBS_PROFILE"),
        ({"profile": "prd"}, {}, "^--profile.*Did you mean 'prod'"),
        ({}, {"GJOBS_PROFILE": "prd"}, "^GJOBS_.*Did you mean 'prod'"),
    ],
)
def test_naming_two_databases_or_an_unknown_profile_is_refused(
    options: Options, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidValue, match=words) as caught:
        resolved(environment, FILE, **options)
    assert "hunter2" not in str(caught.value)
    assert "Did you mean" not in words or "gjobs profiles" in str(caught.value.hint)


BEN = {"GJOBS_AS": "ben@example.com"}


@pytest.mark.parametrize(
    ("options", "environment", "act_as", "origin"),
    [
        ({"profile": "prod", "act_as": "cy@example.com"}, BEN, "cy@example.com", "--as"),
        ({"profile": "prod"}, BEN, "ben@example.com", "GJOBS_AS"),
        ({"profile": "prod"}, {}, "ana@example.com", "the profile 'prod'"),
        ({"profile": "lab"}, {}, "operator", None),
        ({"database_url": URL}, {}, "operator", None),
        ({"profile": "embedded"}, {}, "ada@example.com", None),
        ({"profile": "embedded"}, {"GJOBS_AS": ""}, "ada@example.com", None),
    ],
)
def test_acting_user_comes_from_option_variable_or_profile(
    options: Options, environment: dict[str, str], act_as: str, origin: str | None
) -> None:
    settings = resolved(environment, FILE, **options)
    assert (settings.act_as, settings.act_as_origin) == (act_as, origin)
    assert settings.act_as_given is (origin == "--as")


EMBEDDED_READ_ONLY = replace(EMBEDDED_PROFILE, write=False)


@pytest.mark.parametrize(
    ("options", "environment", "configuration", "mode"),
    [
        ({"profile": "embedded"}, {}, FILE, WriteMode.OPEN),
        ({"profile": "lab"}, {}, FILE, WriteMode.OPEN),
        ({"profile": "prod"}, {}, FILE, WriteMode.PERMIT_REQUIRED),
        ({"database_url": URL}, {}, FILE, WriteMode.PERMIT_REQUIRED),
        ({}, GJOBS_URL, FILE, WriteMode.PERMIT_REQUIRED),
        ({}, SET, FILE, WriteMode.PERMIT_REQUIRED),
        ({}, {}, replace(FILE, profiles={"embedded": EMBEDDED_READ_ONLY}), WriteMode.PERMIT_REQUIRED),
        ({"profile": "lab", "read_only": True}, {}, FILE, WriteMode.CLOSED),
        ({"read_only": True}, {}, FILE, WriteMode.CLOSED),
    ],
)
def test_write_mode_follows_the_profile_and_the_read_only_option(
    options: Options, environment: dict[str, str], configuration: Configuration, mode: WriteMode
) -> None:
    assert resolved(environment, configuration, **options).write_rule is mode


def test_switched_database_has_its_own_actor_and_write_mode() -> None:
    first = resolved(BEN, FILE, profile="lab", act_as="cy@example.com")
    second = switched(first, PROD)
    assert (second.profile, second.act_as, second.write_rule) == (PROD, "ana@example.com", WriteMode.PERMIT_REQUIRED)
    assert switched(second, EMBEDDED_PROFILE).is_embedded
    assert switched(second, LAB) == resolved({}, FILE, profile="lab")
    read_only = resolved({}, FILE, profile="prod", read_only=True)
    assert switched(read_only, LAB).write_rule is WriteMode.CLOSED


def test_representation_of_settings_contains_no_secret() -> None:
    secret = Profile(name="x", label="x", address=URL, password_command=("echo", "hunter2"))
    settings = resolved({}, replace(FILE, profiles={**PROFILES, "x": secret}), profile="x")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(resolved({}, database_url=URL))
