"""What an id led to: by whom it is seen, and what it is called."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from store.jobs.job_results import CappedCount
from store.projects.project import Asset, Project
from store.search import Located
from store.users.actor import OPERATOR, ActingUser
from store.users.user_sql import FoundUser
from tests.tui.support import NOON, make_job
from tui.dashboard.navigation import hidden_toast, nothing_toast, thing_choice, thing_name, things
from tui.dashboard.users.acting_user import OPERATOR_KEY, actor_of, eyes_choices

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


def test_what_the_operator_alone_sees_is_hidden_and_users_never_are() -> None:
    """A project has other counts for other eyes, and is the same all the same."""
    seen = Located(projects=(replace(PROJECT, job_count=1),))
    found = things(seen, Located(jobs=(JOB,), projects=(PROJECT,), users=(USER,)))
    assert [(thing.what.id, thing.is_hidden) for thing in found] == [(PROJECT.id, False), (JOB.id, True), (ADA, False)]


def test_each_is_called_by_what_people_know_it_by() -> None:
    assert [thing_name(what) for what in (JOB, PROJECT, ASSET, USER, ActingUser(id=BEN))] == [
        "job main_white 00000000",
        "project “[b]Catalog”",
        "asset up/␛shoe.png",
        "user ada@example.com",
        "user no e-mail, 00000000",
    ]


def test_one_of_several_is_told_by_its_whole_id() -> None:
    seen, hidden = things(Located(assets=(ASSET,)), Located(assets=(ASSET,), jobs=(JOB,)))
    assert thing_choice(seen, "ada@example.com").detail == str(ASSET.id)
    assert thing_choice(hidden, "ada@example.com").detail == f"hidden from ada@example.com, {JOB.id}"
    assert seen.key != hidden.key


def test_a_hidden_job_has_a_reason_to_look_at_other_things_have_the_operator() -> None:
    job, project = things(Located(), Located(jobs=(JOB,), projects=(PROJECT,)))
    assert hidden_toast(job, "ada", lens_key="v", eyes_key="u").text.endswith("ada does not see it: press v for why.")
    assert hidden_toast(project, "ada", lens_key="v", eyes_key="u").text.endswith("press u for the operator.")


def test_nothing_is_said_of_whom_it_was_looked_for() -> None:
    assert nothing_toast("dead", None).text == "No job, project, asset or user has the id dead."
    assert nothing_toast("dead", "ada").text.endswith("neither for ada nor for the operator.")


class TestEyesToChooseFrom:
    BUSY = FoundUser(
        id=BEN, email="ben@example.com", job_count=CappedCount(number=10_000, is_more=True), last_job_at=NOON
    )
    QUIET = FoundUser(id=UUID(int=0xC), email=None, job_count=CappedCount(number=1), last_job_at=None)

    def test_the_present_user_is_there_also_beyond_the_most_active(self) -> None:
        choices = eyes_choices([self.BUSY, self.QUIET], USER, "", NOON)
        assert [(choice.label, choice.detail) for choice in choices] == [
            ("the operator", "the role as connected"),
            ("ada@example.com", ""),
            ("ben@example.com", "≥ 10,000 jobs, last now"),
            ("no e-mail, 00000000", "1 job"),
        ]

    def test_the_present_user_is_there_once(self) -> None:
        present = ActingUser(id=BEN, email="ben@example.com")
        choices = eyes_choices([self.QUIET, self.BUSY], present, "", NOON)
        assert [choice.key for choice in choices] == [OPERATOR_KEY, str(BEN), str(self.QUIET.id)]

    def test_what_is_typed_finds_the_operator_by_name_alone(self) -> None:
        assert [choice.key for choice in eyes_choices([self.BUSY], USER, "ben", NOON)] == [str(BEN)]
        assert [choice.key for choice in eyes_choices([], USER, "OPER", NOON)] == [OPERATOR_KEY]

    def test_a_choice_stands_for_somebody(self) -> None:
        assert actor_of(OPERATOR_KEY, [], USER) == OPERATOR
        assert actor_of(str(ADA), [], USER) == USER
        assert actor_of(str(BEN), [self.BUSY], OPERATOR) == ActingUser(id=BEN, email="ben@example.com")
