"""From what the database answered to words and a verdict. Pure."""

from store.errors import (
    Conflict,
    InvalidValue,
    Locked,
    NoPrivilege,
    SchemaMissing,
    StoreError,
    TimedOut,
    UnexpectedError,
)
from store.isolation.model import How, Probe, Thing, Verb, Verdict

_RAISED = "P0001"
_REFERENCES = ("23503", "23001")
"""A foreign key, or what refers to the row."""
_DONE = {Verb.UPDATE: "changed", Verb.DELETE: "deleted"}


def rows_answer(thing: Thing, verb: Verb, rows: int) -> Probe:
    """For so many rows, or for statistics and the summary jobs, that were read or would have been written."""
    noun = "job" if thing in (Thing.COUNTS, Thing.STATISTICS, Thing.SUMMARY) else "row"
    counted = f"{rows:,} {noun}" if rows == 1 else f"{rows:,} {noun}s"
    if rows == 0:
        return _tried(thing, verb, f"hidden ({counted})" if not verb.inserts else f"refused ({counted})", Verdict.KEPT)
    if not verb.writes:
        return _tried(thing, verb, f"read {counted}", Verdict.LEAK)
    done = _DONE.get(verb, "inserted")
    return _tried(thing, verb, f"{done} {counted} — rolled back", Verdict.LEAK)


def error_answer(thing: Thing, verb: Verb, error: StoreError) -> Probe | None:
    """None where it is no answer to the statement: the link broke, the session may not write, and the like."""
    match error:
        case NoPrivilege():
            return _tried(thing, verb, _refused(error), Verdict.KEPT)
        case Conflict() if error.sqlstate == _RAISED:
            return _tried(thing, verb, _refused(error), Verdict.KEPT)
        case InvalidValue() if error.sqlstate in _REFERENCES:
            # Looked at after the row was written, so the policies had let it through.
            return _tried(thing, verb, f"permitted, and then {_refused(error)}", Verdict.LEAK)
        case Locked():
            return _not_tried(thing, verb, "locked by another transaction")
        case TimedOut() | Conflict() | InvalidValue() | UnexpectedError() if error.sqlstate is not None:
            return _not_tried(thing, verb, f"no answer: {error.message}")
        case SchemaMissing():
            return _not_tried(thing, verb, f"not here: {error.message}")
        case _:
            return None


def _refused(error: StoreError) -> str:
    """In the database's own words."""
    words = error.message.partition(": ")[2] or error.message
    return f"refused: {words.rstrip('.')}"


def _tried(thing: Thing, verb: Verb, answer: str, verdict: Verdict) -> Probe:
    return Probe(thing=thing, verb=verb, how=How.TRIED, answer=answer, verdict=verdict)


def _not_tried(thing: Thing, verb: Verb, answer: str) -> Probe:
    return Probe(thing=thing, verb=verb, how=How.NOT_TRIED, answer=answer, verdict=Verdict.UNKNOWN)
