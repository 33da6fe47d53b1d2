"""What a run of migrations raises besides the store's errors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from migrations import REVISIONS
from store.errors import Locked, SchemaMissing, StoreError

if TYPE_CHECKING:
    from store.schema import Difference

NAMED = 3
"""So many differences stand in a sentence; `gjobs migrate verify` has all."""


class MigrationRefused(StoreError):
    """The database is not in the state that the revision needs. Nothing was changed."""


class AnotherRun(Locked):
    """Another migration is at work on this database."""


class SchemaDiffers(MigrationRefused, SchemaMissing):
    """The app's own schema is not the one that the migrations would go on from."""

    hint = "'gjobs migrate verify' shows the schema object by object."

    def __init__(self, differences: "Sequence[Difference]") -> None:
        named = [difference.sentence for difference in differences[:NAMED]]
        if more := len(differences) - len(named):
            named.append(f"and {more} more")
        super().__init__(
            f"The tables that are here are not those of revision {REVISIONS[0]}, so nothing was changed: "
            f"{'; '.join(named)}."
        )
        self.differences = tuple(differences)
