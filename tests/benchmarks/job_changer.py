"""Change RATE of the newest jobs per second until the process is ended. Failed jobs keep their status.

`python -m tests.benchmarks.job_changer CONNINFO RATE`, with the connection string of libpq.
"""

import random
import sys
import time

import psycopg

NEWEST = 1000

STEPS = 10
"""The number of batches per second."""

_CHANGE = """
update public.generation_jobs
set status = case status when 'running' then 'succeeded' else 'running' end, cost_cents = cost_cents + 1
where id = %s"""


def change(conninfo: str, rate: int) -> None:
    """Make each change in a separate transaction."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        newest = connection.execute(
            "select id from public.generation_jobs where status <> 'failed' order by created_at desc limit %s", [NEWEST]
        ).fetchall()
        due = time.monotonic()
        while True:
            for job in random.sample(newest, rate // STEPS):
                connection.execute(_CHANGE, job)
            due += 1 / STEPS
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    change(sys.argv[1], int(sys.argv[2]))
