"""What jobs are called in a sentence. Pure."""

from collections.abc import Sequence

from store.model import GenerationJob
from tui.words.format import count, short_id
from tui.words.text import clean


def job_name(job: GenerationJob) -> str:
    """Enough to recognise a job by: mode and the id's first characters."""
    return f"{clean(job.mode, limit=40)} {short_id(job.id)}"


def jobs_name(jobs: Sequence[GenerationJob]) -> str:
    return job_name(jobs[0]) if len(jobs) == 1 else jobs_count(len(jobs))


def jobs_count(number: int) -> str:
    return f"{count(number)} {'job' if number == 1 else 'jobs'}"
