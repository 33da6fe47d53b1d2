"""The isolation check in words: what is tried, by whom, and what came of it. Pure."""

from collections import Counter
from collections.abc import Sequence

from store.isolation.model import How, Person, Plan, Probe, Verb, Verdict
from store.isolation.words import person_name
from tui.words.confirmations import Confirmation, where
from tui.words.text import clean

_LONGEST_NAME = 60
_LONGEST_ANSWER = 1_000

_VERBS = {
    Verb.READ: "read",
    Verb.INSERT_INTO: "insert into theirs",
    Verb.INSERT_AS: "insert as theirs",
    Verb.UPDATE: "update",
    Verb.DELETE: "delete",
}
_MARKS = {Verdict.KEPT: "✓ kept", Verdict.LEAK: "✗ LEAK", Verdict.UNKNOWN: "? unknown"}


def verb_name(verb: Verb) -> str:
    return _VERBS[verb]


def verdict_mark(verdict: Verdict) -> str:
    return _MARKS[verdict]


def answer_words(probe: Probe) -> str:
    """What the database said, harmless; that it was not asked is said first."""
    answer = clean(probe.answer, limit=_LONGEST_ANSWER)
    match probe.how:
        case How.TRIED:
            return answer
        case How.JUDGED:
            return f"judged: {answer}"
        case How.NOT_TRIED:
            return f"not tried: {answer}"


def who(person: Person | None) -> str:
    return clean(person_name(person), limit=_LONGEST_NAME)


def summary_words(probes: Sequence[Probe]) -> str:
    counts = Counter(probe.verdict for probe in probes)
    leaks = counts[Verdict.LEAK]
    parts = [f"{leaks} leak{'' if leaks == 1 else 's'}" if leaks else "no leak", f"{counts[Verdict.KEPT]} kept"]
    if counts[Verdict.UNKNOWN]:
        parts.append(f"{counts[Verdict.UNKNOWN]} unknown")
    judged = sum(probe.how is How.JUDGED for probe in probes)
    return ", ".join(parts) + (f"; {judged} judged from the policies, not tried" if judged else "")


def confirm_tries(plan: Plan, *, database: str) -> Confirmation:
    """Before writes are tried."""
    return Confirmation(
        title="Try the writes?",
        lines=(
            f"Insert, update and delete are tried as {who(plan.other)}.",
            f"What is tried on is owned by {who(plan.owner)}: a job that has",
            "finished, an asset that nothing was made from, a project without jobs.",
            "Each try is rolled back at once, with what triggers do in it.",
            "",
            where(database),
        ),
        warning=None,
        agree="Try",
        is_dangerous=False,
    )
