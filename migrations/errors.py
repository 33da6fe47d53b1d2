"""What a run of migrations raises besides the store's errors."""

from collections.abc import Sequence

from store.errors import SchemaMissing, StoreError
from store.schema import APP_REVISION, Difference

NAMED = 3
"""So many differences stand in a sentence; `gjobs migrate verify` has all."""


class MigrationRefused(StoreError):
    """The database is not in the state that the revision needs. Nothing was changed."""


class SchemaDiffers(MigrationRefused, SchemaMissing):
    """The app's own schema is not the one that the migrations would go on from."""

    hint = "'gjobs migrate verify' shows the schema object by object."

    def __init__(self, differences: Sequence[Difference]) -> None:
        named = [difference.sentence for difference in differences[:NAMED]]
        if more := len(differences) - len(named):
            named.append(f"and {more} more")
        super().__init__(
            f"The tables that are here are not those of revision {APP_REVISION}, so nothing was changed: "
            f"{'; '.join(named)}."
        )
        self.differences = tuple(differences)
