"""Jobs on stdout, as documents or for people."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from store.model import GenerationJob
from tui.cli import jsonable
from tui.cli.output import Output


def show_jobs(output: Output, jobs: Sequence[GenerationJob], project_names: Mapping[UUID, str]) -> None:
    """A table. On a terminal the times are ages, else local times. A project without a name is shown by its id."""
    from tui.cli.commands.jobs.tables import job_table

    output.table(*job_table(jobs, project_names, now=datetime.now(UTC) if output.is_terminal else None))


def show_written(output: Output, job: GenerationJob, project_names: Mapping[UUID, str]) -> None:
    """The job after a change. Reads nothing more: the change is made, and no later failure may hide that."""
    if output.json:
        output.document(jsonable.row(job))
    else:
        show_jobs(output, [job], project_names)
