"""What the isolation check says: of whom, of an answer, and of all of them."""

from uuid import UUID

import pytest

from store.isolation.isolation import PROBED, How, Person, Plan, Probe, Thing, Verb, Verdict, deed
from tui.dashboard.users.isolation_dialog import answer_words, confirm_tries, summary_words, who

ADA = Person(id=UUID(int=0xA0 << 120), email="ada@example.com")

BEN = Person(id=UUID(int=0xB0 << 120))


def probe(verdict: Verdict = Verdict.KEPT, how: How = How.TRIED, answer: str = "hidden (0 rows)") -> Probe:
    return Probe(thing=Thing.JOB, verb=Verb.UPDATE, how=how, answer=answer, verdict=verdict)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (ADA, "ada@example.com"),
        (BEN, "user b0000000"),
        (Person(id=UUID(int=1), exists=False), "a made-up user"),
        (None, "nobody"),
        (Person(id=UUID(int=1), email="a\x1b[2J@b"), "a␛[2J@b"),
    ],
)
def test_whom_it_is_about(person: Person | None, name: str) -> None:
    assert who(person) == name


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (How.TRIED, "said\u23ceso"),
        (How.JUDGED, "judged: said\u23ceso"),
        (How.NOT_TRIED, "not tried: said\u23ceso"),
    ],
)
def test_an_answer(how: How, words: str) -> None:
    assert answer_words(probe(how=how, answer="said\nso")) == words


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ([probe(), probe()], "no leak, 2 kept"),
        ([probe(Verdict.LEAK), probe()], "1 leak, 1 kept"),
        ([probe(Verdict.LEAK)] * 2 + [probe(Verdict.UNKNOWN, How.NOT_TRIED)], "2 leaks, 0 kept, 1 unknown"),
        ([probe(), probe(how=How.JUDGED)], "no leak, 2 kept; 1 judged from the policies, not tried"),
    ],
)
def test_all_of_them(probes: list[Probe], words: str) -> None:
    assert summary_words(probes) == words


def test_every_try_has_words_of_its_own() -> None:
    deeds = [deed(thing, verb) for thing, verb in PROBED]
    assert len(set(deeds)) == len(PROBED)
    assert deeds[:2] == ["Reads a job of theirs", "Puts a job of one's own into a project of theirs"]


def test_the_question_before_writes_names_both_and_the_database() -> None:
    question = confirm_tries(Plan(owner=ADA, other=BEN, targets={}), database="Shop (db.example/app)")
    text = "\n".join(question.lines)
    assert "user b0000000" in text
    assert "ada@example.com" in text
    assert "Database: Shop (db.example/app)" in text
    assert not question.is_dangerous
