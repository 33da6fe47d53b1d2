"""Which project is shown. Pure."""

from uuid import UUID

from store.model import Overview


def project_to_show(overview: Overview, *, all_was_chosen: bool, was_located: bool = False) -> UUID | None:
    """The one that was looked for, as long as it is there; all where somebody chose that; else the newest.

    None for all projects, and where there are none. One that was located by its id need not be listed.
    """
    wanted = overview.query.project_id
    if wanted is None and all_was_chosen:
        return None
    known = {project.id for project in overview.projects}
    # Only the newest projects are listed: one that has jobs is there, too, be they hidden from these eyes.
    has_jobs = overview.statistics.total_count or overview.listed
    if wanted in known or (wanted is not None and (was_located or has_jobs)):
        return wanted
    return overview.projects[0].id if overview.projects else None
