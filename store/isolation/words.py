"""What is tried and by whom, in words. The names may quote the database: untrusted. Pure."""

from store.isolation.model import Person, Thing, Verb
from store.writing.write_access import WriteAccess


def person_name(person: Person | None) -> str:
    if person is None:
        return "nobody"
    if not person.exists:
        return "a made-up user"
    return person.email or f"user {str(person.id)[:8]}"


def deed(thing: Thing, verb: Verb) -> str:
    """What the other user does, or would do, to what is the owner's; without a full stop."""
    an = "an" if thing is Thing.ASSET else "a"
    match thing, verb:
        case Thing.COUNTS, _:
            return "Counts their jobs in the table"
        case Thing.STATISTICS, _:
            return "Calls get_job_statistics with their id"
        case Thing.SUMMARY, _:
            return "Reads their rows in the view generation_job_summary"
        case _, Verb.INSERT_INTO:
            return f"Puts {an} {thing} of one's own into a project of theirs"
        case _, Verb.INSERT_AS:
            return f"Makes {an} {thing} in their name"
        case _:
            does = {Verb.READ: "Reads", Verb.UPDATE: "Changes", Verb.DELETE: "Deletes"}[verb]
            return f"{does} {an} {thing} of theirs"


def why_no_writes(access: WriteAccess) -> str | None:
    """None where the session may write, so that writes can be tried."""
    if access.may_write:
        return None
    refusal = access.refusal()
    return f"The writes are judged from the policies, not tried. {refusal.hint or refusal.message}"
