"""Texts of the isolation check: users, answers, summary and the question before write probes."""

from uuid import UUID

import pytest

from gjobs.store.isolation.isolation import (
    PROBED,
    Participant,
    Probe,
    ProbeMethod,
    ProbePlan,
    ProbeTarget,
    ProbeVerdict,
    Verb,
    attempt_words,
)
from gjobs.tui.dashboard.features.isolation import answer_words, confirm_tries, summary_words, who

ADA = Participant(id=UUID(int=0xA0 << 120), email="ada@example.com")

BEN = Participant(id=UUID(int=0xB0 << 120))


def probe(
    verdict: ProbeVerdict = ProbeVerdict.KEPT, how: ProbeMethod = ProbeMethod.TRIED, answer: str = "hidden (0 rows)"
) -> Probe:
    return Probe(target=ProbeTarget.JOB, verb=Verb.UPDATE, how=how, answer=answer, verdict=verdict)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (ADA, "ada@example.com"),
        (BEN, "user b0000000"),
        (Participant(id=UUID(int=1), exists=False), "a made-up user"),
        (Participant(id=UUID(int=1), email="a\x1b[2J@b"), "a␛[2J@b"),
    ],
)
def test_participant_is_named_by_email_or_id(person: Participant, name: str) -> None:
    assert who(person) == name


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (ProbeMethod.TRIED, "said\u23ceso"),
        (ProbeMethod.JUDGED, "judged: said\u23ceso"),
        (ProbeMethod.NOT_TRIED, "not tried: said\u23ceso"),
    ],
)
def test_answer_words_show_how_the_result_was_found(how: ProbeMethod, words: str) -> None:
    assert answer_words(probe(how=how, answer="said\nso")) == words


@pytest.mark.parametrize(
    ("probes", "words"),
    [
        ([probe(), probe()], "No leak, 2 kept"),
        ([probe(ProbeVerdict.LEAK), probe()], "1 leak, 1 kept"),
        (
            [probe(ProbeVerdict.LEAK)] * 2 + [probe(ProbeVerdict.UNKNOWN, ProbeMethod.NOT_TRIED)],
            "2 leaks, 0 kept, 1 unknown",
        ),
        ([probe(), probe(how=ProbeMethod.JUDGED)], "No leak, 2 kept; 1 judged from the policies, not tried"),
    ],
)
def test_summary_counts_leaks_and_kept_probes(probes: list[Probe], words: str) -> None:
    assert summary_words(probes) == words


def test_every_probe_has_its_own_description() -> None:
    descriptions = [attempt_words(target, verb) for target, verb in PROBED]
    assert len(set(descriptions)) == len(PROBED)
    assert descriptions[:2] == ["Reads a job of the owner", "Inserts their own job into the owner's project"]


def test_write_probe_question_names_both_users_and_the_database() -> None:
    question = confirm_tries(ProbePlan(owner=ADA, other=BEN, targets={}), database="Shop (db.example/app)")
    text = "\n".join(question.lines)
    assert "user b0000000" in text
    assert "ada@example.com" in text
    assert "Database: Shop (db.example/app)" in text
    assert not question.is_dangerous
