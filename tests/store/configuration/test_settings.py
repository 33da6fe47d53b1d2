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


BEN = {"GJOBS_AS": "ben@example.com"}

LAB_ORIGIN, PROD_ORIGIN, EMBEDDED_ORIGIN = (f"the profile '{name}'" for name in ("lab", "prod", "embedded"))

ADA, OPERATOR = ("ada@example.com", None), ("operator", None)

OPEN, ASKS, CLOSED = WriteMode.OPEN, WriteMode.PERMIT_REQUIRED, WriteMode.CLOSED

EMBEDDED_READ_ONLY = replace(EMBEDDED_PROFILE, write=False)


@pytest.mark.parametrize(
    ("options", "environment", "configuration", "origin", "actor", "mode"),
    [
        ({"database_url": URL}, BOTH, DEFAULT_LAB, "--database-url", OPERATOR, ASKS),
        ({"profile": "lab"}, BOTH, DEFAULT_LAB, LAB_ORIGIN, OPERATOR, OPEN),
        ({"profile": "embedded"}, GJOBS_URL, DEFAULT_LAB, EMBEDDED_ORIGIN, ADA, OPEN),
        ({}, GJOBS_URL, DEFAULT_LAB, "GJOBS_DATABASE_URL", OPERATOR, ASKS),
        ({}, GJOBS_PROFILE, DEFAULT_LAB, PROD_ORIGIN, ("ana@example.com", PROD_ORIGIN), ASKS),
        ({}, SET, DEFAULT_LAB, LAB_ORIGIN, OPERATOR, OPEN),
        ({}, SET, replace(FILE, default_profile="embedded"), EMBEDDED_ORIGIN, ADA, OPEN),
        ({}, SET, FILE, "DATABASE_URL", OPERATOR, ASKS),
        ({}, SET, NO_CONFIGURATION, "DATABASE_URL", OPERATOR, ASKS),
        ({"profile": "prod", "act_as": "cy@example.com"}, BEN, FILE, PROD_ORIGIN, ("cy@example.com", "--as"), ASKS),
        ({"profile": "prod"}, BEN, FILE, PROD_ORIGIN, ("ben@example.com", "GJOBS_AS"), ASKS),
        ({"profile": "embedded"}, {"GJOBS_AS": ""}, FILE, EMBEDDED_ORIGIN, ADA, OPEN),
        ({"profile": "lab", "read_only": True}, {}, FILE, LAB_ORIGIN, OPERATOR, CLOSED),
        ({}, {}, replace(FILE, profiles={"embedded": EMBEDDED_READ_ONLY}), None, ADA, ASKS),
        ({"read_only": True}, {}, FILE, None, ADA, CLOSED),
    ],
)
def test_options_come_before_variables_and_the_file_and_then_database_url(
    options: Options,
    environment: dict[str, str],
    configuration: Configuration,
    origin: str | None,
    actor: tuple[str, str | None],
    mode: WriteMode,
) -> None:
    settings = resolved(environment, configuration, **options)
    assert settings.is_fallback is (origin is None), "only then the dashboard asks for another database"
    assert settings.profile.origin == (origin or EMBEDDED_ORIGIN)
    assert settings.is_embedded is (settings.profile.origin == EMBEDDED_ORIGIN)
    assert ((settings.act_as, settings.act_as_origin), settings.write_rule) == (actor, mode)
    assert settings.act_as_given is (actor[1] == "--as")


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
def test_two_databases_or_an_unknown_profile_are_refused(
    options: Options, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(InvalidValue, match=words) as caught:
        resolved(environment, FILE, **options)
    assert "hunter2" not in str(caught.value)
    assert "Did you mean" not in words or "gjobs profiles" in str(caught.value.hint)


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
