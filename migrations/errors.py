"""What a run of migrations raises besides the store's errors."""

from store.errors import StoreError


class MigrationRefused(StoreError):
    """The database is not in the state that the revision needs. Nothing was changed."""
