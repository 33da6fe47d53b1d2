"""Colours of profiles, and passwords in addresses."""

import pytest
from textual.color import Color

from store.configuration.config_reader import NAMES, is_color
from store.configuration.configuration import holds_password


@pytest.mark.parametrize("name", NAMES)
def test_each_colour_name_is_known_to_textual(name: str) -> None:
    assert is_color(name)
    assert Color.parse(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#0af", True),
        ("#00aaff", True),
        ("#00aaff80", False),
        ("#0ag", False),
        ("0af", False),
        ("Red", False),
        ("", False),
    ],
)
def test_hexadecimal_colour_has_three_or_six_digits(text: str, expected: bool) -> None:
    assert is_color(text) is expected


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("postgresql://ada:hunter2@db/app", True),
        ("postgres://ada:hunter2@db:5432/app", True),
        ("postgresql://db/app?user=ada&password=hunter2", True),
        ("host=db password=hunter2", True),
        ("host=db password = 'hunter2'", True),
        ("host=db sslpassword=hunter2", True),
        ("postgresql://ada@db:5432/app", False),
        ("postgresql://db:5432/app", False),
        ("postgresql://ada@[::1]:5432/app", False),
        ("service='password'", False),
        ("host=db passfile=/home/ada/.pgpass", False),
    ],
)
def test_password_in_a_database_address_is_detected(address: str, holds: bool) -> None:
    assert holds_password(address) is holds
