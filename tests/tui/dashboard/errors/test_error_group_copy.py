"""The copy of an error group: a command for its jobs, and no secrets."""

from dataclasses import replace
from uuid import UUID

import pytest

from gjobs.store.error_groups.error_group import ErrorScope, fingerprint
from gjobs.store.filters.filter_syntax import parse
from gjobs.store.users.actor import ANON, OPERATOR, ActingUser, Actor
from gjobs.tui.case.redaction import Redactor, redacted_group
from gjobs.tui.dashboard.features.errors import group_copy
from tests.tui.text.test_error_group_text import FOUND, GROUP

PROJECT, USER = UUID(int=1), UUID(int=2)
LIST = "Jobs: gjobs jobs list"
GROUP_TERMS = "error-group:3b1a4064e8 status:failed"
SECRET = "carl@example.com sent AKIAIOSFODNN7EXAMPLE to https://a.example.com/x.png?token=abcDEF123"


@pytest.mark.parametrize(
    ("scope", "actor", "line"),
    [
        (ErrorScope(), OPERATOR, f"{LIST} --filter '{GROUP_TERMS}' --limit 1234 --as operator"),
        (
            ErrorScope(project_id=PROJECT, job_filter=parse("-mode:two")),
            ActingUser(id=USER, email="ada@example.com"),
            f"{LIST} --project {PROJECT} --filter '-mode:two {GROUP_TERMS}' --as {USER}",
        ),
        (ErrorScope(), ANON, f"{LIST} --filter '{GROUP_TERMS}' --as anon"),
    ],
)
def test_command_lists_the_jobs_as_the_same_actor(scope: ErrorScope, actor: Actor, line: str) -> None:
    group = GROUP if scope.project_id is None and actor is OPERATOR else replace(GROUP, count=3)
    assert line in group_copy(group, FOUND, scope=scope, actor=actor).splitlines()


TRACEBACK = "Traceback (most recent call last):\n"


@pytest.mark.parametrize("error", [SECRET, TRACEBACK + "  x\n" * 1_500 + TRACEBACK + SECRET])
def test_copy_has_no_secret(error: str) -> None:
    group = replace(GROUP, example=error[:4_000], fingerprint=fingerprint(error))
    copied = group_copy(group, FOUND, scope=ErrorScope(), actor=OPERATOR)
    assert " sent " in copied.splitlines()[0]
    for secret in ("carl", "AKIA", "EXAMPLE", "abcDEF"):
        assert secret not in copied


def test_name_of_a_redacted_group_reads_like_that_of_the_list() -> None:
    error = "GET https://api.example.com/v2/images?n=17&key=abc failed at 93.184.216.34, +15551234567"
    group = replace(GROUP, example=error, fingerprint=fingerprint(error))
    name = group_copy(group, FOUND, scope=ErrorScope(), actor=OPERATOR).splitlines()[0]
    assert "GET https://api.example.com/v#/images failed at [IP address], [phone number]" in name


@pytest.mark.parametrize("start", ["", "Prompt rejected: "])
def test_start_of_a_long_unbroken_error_stays(start: str) -> None:
    error = start + "x" * 5_000
    group = replace(GROUP, example=error[:4_000], fingerprint=fingerprint(error))
    redacted = redacted_group(group, Redactor().text)
    assert redacted.fingerprint == group.fingerprint
    assert redacted.example.startswith(start + "x" * 3_000)
    assert redacted.example.endswith("x…")
    assert start + "x" * 60 in group_copy(group, FOUND, scope=ErrorScope(), actor=OPERATOR).splitlines()[0]


@pytest.mark.parametrize("tail", [" sk-AbC1", ",postgres://app:AbC1", ",'carl@example.com',carl@example.com"])
def test_part_of_a_secret_at_the_cut_is_left_out(tail: str) -> None:
    error = ("Prompt rejected: " + "x" * 5_000)[: 4_000 - len(tail)] + tail
    example = redacted_group(replace(GROUP, example=error), Redactor().text).example
    assert example.startswith("Prompt rejected: " + "x" * 3_000)
    assert example.endswith("x…" if tail[0] == "," else "x …")
