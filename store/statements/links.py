"""The statements that queue failed jobs once more, and that tell which job repeats which."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, text

from store.database import Query
from store.model import GenerationJob
from store.statements.job_rows import ALL_COLUMNS, make_job
from store.statements.rows import Row, make_id

_COLUMNS = ", ".join(f"made.{column.name}" for column in ALL_COLUMNS)

_IDS = bindparam("ids", type_=ARRAY(Uuid))
_NEW_IDS = bindparam("new_ids", type_=ARRAY(Uuid))

_LOCK = text("""
SELECT id FROM public.generation_jobs
 WHERE id = ANY(:ids) AND status = 'failed' ORDER BY id FOR NO KEY UPDATE
""").bindparams(_IDS)


def lock(job_ids: Collection[UUID]) -> Query[UUID]:
    """The failed ones among them. Of two who repeat a job at once the second waits here, and then sees the first."""
    return Query(_LOCK, make_id, {"ids": list(job_ids)})


_REPEAT = text(f"""
INSERT INTO public.generation_jobs AS made
       (id, user_id, project_id, status, mode, input_asset_id, cost_cents, retry_count)
SELECT asked.new_id, failed.user_id, failed.project_id, 'queued', failed.mode, failed.input_asset_id, failed.cost_cents,
       coalesce(failed.retry_count, 0) + 1
  FROM unnest(:ids, :new_ids) AS asked (id, new_id)
  JOIN public.generation_jobs failed ON failed.id = asked.id AND failed.status = 'failed'
RETURNING {_COLUMNS}
""").bindparams(_IDS, _NEW_IDS)  # noqa: S608 - of constants


def repeat(new_ids: Mapping[UUID, UUID]) -> Query[GenerationJob]:
    """The new jobs, with these ids by those of the failed ones, which are locked."""
    return Query(_REPEAT, make_job, {"ids": list(new_ids), "new_ids": list(new_ids.values())})


_LINK = text("""
INSERT INTO gjobs.job_links (job_id, repeats) SELECT * FROM unnest(:new_ids, :ids) RETURNING job_id
""").bindparams(_IDS, _NEW_IDS)


def link(new_ids: Mapping[UUID, UUID]) -> Query[UUID]:
    return Query(_LINK, make_id, {"ids": list(new_ids), "new_ids": list(new_ids.values())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    job_id: UUID
    repeats: UUID


def _make_link(row: Row) -> Link:
    job_id, repeats = row
    return Link(job_id=job_id, repeats=repeats)


_REPETITIONS = text("""
SELECT link.job_id, link.repeats
  FROM gjobs.job_links link
  JOIN public.generation_jobs job ON job.id = link.job_id
 WHERE link.repeats = ANY(:ids) ORDER BY job.created_at, job.id LIMIT 1000
""").bindparams(_IDS)


def repetitions(job_ids: Collection[UUID]) -> Query[Link]:
    """Of any of these jobs, as far as they are there, the oldest first."""
    return Query(_REPETITIONS, _make_link, {"ids": list(job_ids)})


_ORIGIN = text("SELECT repeats FROM gjobs.job_links WHERE job_id = :id").bindparams(bindparam("id", type_=Uuid))


def origin(job_id: UUID) -> Query[UUID]:
    return Query(_ORIGIN, make_id, {"id": job_id})
