"""gjobs jobs …: options of every subcommand."""

from typing import TYPE_CHECKING

from gjobs.store.formats import money, not_known
from gjobs.store.jobs.job import DEFAULT_COST_CENTS, USUAL_MODES, WORKFLOW, JobStatus
from gjobs.store.page_limits import PAGE_SIZE
from gjobs.store.validation import UNSET
from gjobs.tui.cli.arguments import (
    add_cost,
    add_filter,
    id_or_prefix,
    identifier,
    identifier_or_none,
    page_key,
    status,
    whole_number,
    workflow_status,
)
from gjobs.tui.cli.command import Command
from gjobs.tui.cli.commands.jobs_reading import export_jobs, list_jobs, show_job
from gjobs.tui.cli.commands.jobs_writing import create_job, delete_jobs, retry_jobs, transition_job, update_job
from gjobs.tui.cli.exit_codes import BadArgument, not_empty
from gjobs.tui.cli.parser import Parser, add_command, add_commands
from gjobs.tui.export.export_formats import FileFormat

if TYPE_CHECKING:
    from gjobs.tui.cli.parser import Commands

_MODES = ", ".join(USUAL_MODES)
_STATUSES = ", ".join(JobStatus)
_ID = "3f2a9c1e-8d47-4b15-9a3e-0c6f1b2d4e5a"


def add_jobs(commands: "Commands") -> None:
    group = add_command(
        commands, "jobs", None, help="list, export, show, create, change and delete jobs", example="gjobs jobs list"
    )
    jobs = add_commands(group, usual="list")
    _add_list(jobs)
    _add_export(jobs)
    _add_show(jobs)
    _add_create(jobs)
    _add_update(jobs)
    _add_transition(jobs)
    _add_retry(jobs)
    _add_delete(jobs)


def _add_list(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "list",
        Command(run=list_jobs, shows_moments=True),
        help="list jobs, newest first",
        example="gjobs jobs list --filter 'status:failed since:24h' --limit 20",
    )
    _add_which(parser)
    add = parser.add_argument
    add("--limit", type=whole_number, metavar="N", default=PAGE_SIZE, help=f"at most N jobs (default: {PAGE_SIZE})")
    add("--after", type=page_key, metavar="CREATED_AT,ID", help="continue after the row with this created_at and id")


def _add_export(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "export",
        Command(run=export_jobs, has_json=False),
        help="write all matching jobs to a file",
        example="gjobs jobs export failed.csv --filter 'status:failed since:7d'",
    )
    parser.usage = "%(prog)s FILE [OPTION ...]"
    add = parser.add_argument
    add("file", type=not_empty, metavar="FILE", help="the file to write, readable only by you; - means stdout")
    formats = ", ".join(FileFormat)
    add(
        "--format",
        dest="file_format",
        type=file_format,
        metavar="FORMAT",
        help=f"{formats} (default: by FILE's suffix)",
    )
    _add_which(parser)
    add("--force", action="store_true", help="replace an existing file")


def file_format(text: str) -> FileFormat:
    try:
        return FileFormat(text.lower())
    except ValueError:
        raise BadArgument(not_known(text, FileFormat)) from None


def _add_which(parser: Parser) -> None:
    add = parser.add_argument
    add("--project", metavar="ID|NAME", help="only jobs of this project")
    add("--status", type=status, metavar="STATUS", help=f"{_STATUSES}, or another status of your app")
    add_filter(parser)
    add("--view", type=not_empty, metavar="NAME", help="only jobs of this view; with --filter, both must match")
    parser.explained = _explained_filter


def _explained_filter() -> str:
    from gjobs.tui.cli.arguments import filter_help

    return filter_help()


def _add_job_id(parser: Parser) -> None:
    parser.add_argument("job_id", type=identifier, metavar="ID", help="the job's whole id")


def _add_show(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "show",
        Command(run=show_job, shows_moments=True),
        help="show one job in full",
        example="gjobs jobs show 3f2a9c1e --events",
    )
    parser.add_argument("ids", type=id_or_prefix, metavar="ID", help="the job's id, or at least its first four digits")
    parser.add_argument("--events", action="store_true", help="show its events; also works for a deleted job")


def _add_create(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "create",
        Command(run=create_job),
        help="queue a new job",
        example="gjobs jobs create --project 'Autumn catalog' --mode lifestyle",
    )
    add = parser.add_argument
    add("--project", metavar="ID|NAME", required=True, help="the project; its owner also owns the job")
    add("--mode", metavar="MODE", required=True, help=f"any text; common modes: {_MODES}")
    add_cost(parser, default=DEFAULT_COST_CENTS, meaning=f"the cost (default: {money(DEFAULT_COST_CENTS)})")
    add("--input-asset", type=identifier, metavar="ID", help="an asset of the project")


def _add_update(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "update",
        Command(run=update_job),
        help="change fields of a job, except its status and owner",
        example=f"gjobs jobs update {_ID} --cost-cents 250",
    )
    parser.usage = "%(prog)s [OPTION ...] ID"
    _add_job_id(parser)
    add = parser.add_argument
    add("--mode", metavar="MODE", default=UNSET, help="any text")
    add_cost(parser, default=UNSET, meaning="the cost")
    add("--error", metavar="TEXT", default=UNSET, help="the error text; '' removes it")
    add(
        "--input-asset",
        type=identifier_or_none,
        metavar="ID",
        default=UNSET,
        help="an asset of the job's project; '' removes it",
    )


def _add_transition(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "transition",
        Command(run=transition_job),
        help=f"move a job: {WORKFLOW}",
        example=f"gjobs jobs transition {_ID} running",
    )
    _add_job_id(parser)
    parser.add_argument("status", type=workflow_status, metavar="STATUS", help=_STATUSES)
    parser.add_argument("--error", metavar="TEXT", help="the error text (default: keep the current text)")


def _add_retry(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "retry",
        Command(run=retry_jobs),
        help="queue failed jobs again, each as a new linked job",
        example=f"gjobs jobs retry {_ID}",
    )
    parser.add_argument("job_ids", type=identifier, metavar="ID", nargs="+", help="the failed job's whole id")
    parser.add_argument("--again", action="store_true", help="also retry jobs that were already retried")


def _add_delete(jobs: "Commands") -> None:
    parser = add_command(
        jobs,
        "delete",
        Command(run=delete_jobs),
        help="delete all of these jobs, or none if one is missing",
        example=f"gjobs jobs delete {_ID} --yes",
    )
    parser.add_argument("job_ids", type=identifier, metavar="ID", nargs="+", help="the job's whole id")
    parser.add_argument("--yes", action="store_true", help="do not ask")
