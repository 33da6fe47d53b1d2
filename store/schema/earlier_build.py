"""Databases that an earlier build of gjobs migrated."""

from gjobs.store.errors import SchemaMissing

EARLIER_BUILD = "0013"
"""The last revision of an earlier build, which an upgrade takes over. It is checked against the newest schema."""
_TOO_OLD = frozenset(f"{number:04}" for number in range(1, int(EARLIER_BUILD)))


def refuse_too_old(revision: str | None) -> None:
    """Raise SchemaMissing for a revision of the earlier build that is not its last one."""
    if revision in _TOO_OLD:
        raise SchemaMissing(
            f"An earlier build of gjobs left this database at its revision {revision}. Only its last revision,"
            f" {EARLIER_BUILD}, can be taken over.",
            hint="Migrate it to that revision with the earlier build first.",
        )
