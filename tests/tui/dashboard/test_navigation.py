"""Items found by id: who sees them, their names, and the choices of the user picker."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from gjobs.store.jobs.job_results import CappedCount
from gjobs.store.projects.project import Asset, Project
from gjobs.store.search import IdMatches
from gjobs.store.users.actor import ANON, OPERATOR, ActingUser
from gjobs.store.users.user_sql import FoundUser
from gjobs.tui.dashboard.features.navigation import (
    actor_choices,
    found_items,
    hidden_words,
    item_choice,
    item_name,
    nothing_words,
)
from tests.tui.sample_jobs import NOON, make_job

JOB = make_job(1)

ADA, BEN = UUID(int=0xA), UUID(int=0xB)

PROJECT = Project(
    id=UUID(int=2), user_id=ADA, name="[b]Catalog", created_at=NOON, updated_at=NOON, job_count=3, total_cost_cents=5
)

ASSET = Asset(
    id=UUID(int=3),
    user_id=ADA,
    project_id=PROJECT.id,
    kind="input",
    mode="lifestyle",
    mime_type=None,
    width=None,
    height=None,
    storage_path="up/\x1bshoe.png",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)

USER = ActingUser(id=ADA, email="ada@example.com")


def test_items_that_only_the_operator_sees_are_hidden_except_users() -> None:
    """A project seen by both is the same item, although its counts differ."""
    seen = IdMatches(projects=(replace(PROJECT, job_count=1),))
    found = found_items(seen, IdMatches(jobs=(JOB,), projects=(PROJECT,), users=(USER,)))
    assert [(item.what.id, item.is_hidden) for item in found] == [(PROJECT.id, False), (JOB.id, True), (ADA, False)]


def test_found_items_have_readable_names() -> None:
    assert [item_name(what) for what in (JOB, PROJECT, ASSET, USER, ActingUser(id=BEN))] == [
        "job main_white 00000000",
        "project “[b]Catalog”",
        "asset up/␛shoe.png",
        "user ada@example.com",
        "user no e-mail, 00000000",
    ]


def test_choice_among_found_items_shows_the_full_id() -> None:
    seen, hidden = found_items(IdMatches(assets=(ASSET,)), IdMatches(assets=(ASSET,), jobs=(JOB,)))
    assert item_choice(seen, "ada@example.com").detail == str(ASSET.id)
    assert item_choice(hidden, "ada@example.com").detail == f"hidden from ada@example.com, {JOB.id}"


def test_message_names_the_key_that_reveals_a_hidden_item_or_the_actors_that_were_searched_as() -> None:
    job, project = found_items(IdMatches(), IdMatches(jobs=(JOB,), projects=(PROJECT,)))
    assert hidden_words(job, "ada", visibility_key="v", user_key="u").endswith(
        "ada does not see it. Press v to see why."
    )
    assert hidden_words(project, "ada", visibility_key="v", user_key="u").endswith("Press u to act as the operator.")
    assert nothing_words("dead", None) == "No job, project, asset or user has the id dead."
    assert nothing_words("dead", "ada").endswith("neither for ada nor for the operator.")


BUSY = FoundUser(id=BEN, email="ben@example.com", job_count=CappedCount(number=10_000, is_more=True), last_job_at=NOON)

QUIET = FoundUser(id=UUID(int=0xC), email=None, job_count=CappedCount(number=1), last_job_at=None)


def test_actor_choices_include_the_current_user_once_and_match_typed_text() -> None:
    assert [(choice.label, choice.detail) for choice in actor_choices([BUSY, QUIET], USER, "", NOON)] == [
        ("the operator", "the role in the database URL"),
        ("anon", "a visitor who has not signed in"),
        ("ada@example.com", ""),
        ("ben@example.com", "≥ 10,000 jobs, last now"),
        ("no e-mail, 00000000", "1 job"),
    ]
    choices = actor_choices([QUIET, BUSY], ActingUser(id=BEN, email="ben@example.com"), "", NOON)
    ben, quiet = ActingUser(id=BEN, email="ben@example.com"), ActingUser(id=QUIET.id)
    assert [choice.value for choice in choices] == [OPERATOR, ANON, ben, quiet]

    assert [choice.value for choice in actor_choices([BUSY], USER, "ben", NOON)] == [ben]
    assert [choice.value for choice in actor_choices([], USER, "OPER", NOON)] == [OPERATOR]
