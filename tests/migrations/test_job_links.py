"""Links between a failed job and its retry."""

from uuid import UUID

import psycopg
import pytest

from tests.migrations.conftest import ADA, BEN, acting

LINK = "insert into gjobs.job_links (job_id, repeats) values (%s, %s)"
SECOND = UUID(int=0xB4)


def test_user_links_only_own_jobs(operator: psycopg.Connection) -> None:
    operator.execute(
        "insert into public.generation_jobs (id, user_id, project_id, mode) values (%s, %s, %s, 'packaging')",
        [SECOND, BEN.id, BEN.project],
    )
    with acting(operator, BEN.id):
        assert operator.execute(LINK, [SECOND, BEN.job]).rowcount == 1
    for job, repeats in ((BEN.job, ADA.job), (ADA.job, BEN.job), (BEN.job, UUID(int=1))):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(operator, BEN.id):
            operator.execute(LINK, [job, repeats])
