"""Which project is shown. Pure."""

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from store.listing.model import Listing


def project_to_show(listing: "Listing", *, all_was_chosen: bool, was_located: bool = False) -> UUID | None:
    """The one that was looked for, as long as it is there; all where somebody chose that; else the newest.

    None for all projects, and where there are none. One that was located by its id may be hidden from these eyes.
    """
    wanted = listing.query.window.listed.project_id
    if wanted is None and all_was_chosen:
        return None
    # Through the lens rows are listed whose project these eyes do not see.
    if wanted is not None and (listing.has_project or was_located or listing.window.jobs):
        return wanted
    return listing.projects[0].id if listing.projects else None
