"""The hosted-like cluster behaves as the other tests expect."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.conftest import Conninfo, connect, quick_directory
from tests.hosted.cluster import Server
from tests.hosted.pooler import POOL_SIZE, Pooler
from tests.hosted.replica import Replica
from tests.hosted.server_directory import is_running, until
from tests.hosted.tls import TlsServer
from tests.tui.jobs_database import JobsDatabase, fill

READS = "has_table_privilege(%s, 'public.generation_jobs', 'select')"

A_RUN = """
import sys, time
from pathlib import Path
from tests.hosted.cluster import Server
from tests.hosted.server_directory import opened_place

with opened_place(Path(sys.argv[1])) as place:
    server = Server.on(place, Path(sys.argv[2]), "primary")
    server.initialise()
    server.start()
    print(server.pid, place.directory, flush=True)
    time.sleep(600)
"""


def answer(conninfo: Conninfo, statement: str, *values: object) -> object:
    with connect(conninfo, autocommit=True) as connection:
        ((value,),) = connection.execute(statement.encode(), values).fetchall()
        return value


def test_owner_is_not_a_superuser_and_bypasses_row_level_security(app_database: Conninfo) -> None:
    assert answer(app_database, "select (rolsuper, rolbypassrls)::text from pg_roles where rolname = user") == "(f,t)"


def test_owner_cannot_alter_the_auth_schema(app_database: Conninfo) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        answer(app_database, "alter table auth.users add column ours text")


def test_request_roles_can_read_new_tables_only_in_older_projects(
    app_database: Conninfo, ungranted_database: Conninfo
) -> None:
    for role in ("anon", "authenticated", "service_role"):
        assert answer(app_database, f"select {READS}", role) is True
        assert answer(ungranted_database, f"select {READS}", role) is False


def test_grown_app_has_statuses_columns_and_policies_that_gjobs_does_not_know(grown_database: Conninfo) -> None:
    ada = uuid4()
    with connect(grown_database) as owner:
        owner.execute("insert into auth.users (id) values (%s)", [ada])
        owner.execute("insert into projects (id, user_id, name) values (%s, %s, 'Autumn')", [ada, ada])
        owner.execute(
            "insert into generation_jobs (user_id, project_id, mode, status, org, tags)"
            " values (%s, %s, 'lifestyle', 'cancelled', 'acme', '{new}')",
            [ada, ada],
        )
        owner.execute("set local role authenticated")
        for claims, seen in (
            ({"sub": str(ada)}, 1),
            ({"sub": str(uuid4()), "app_metadata": {"org": "acme"}}, 1),
            ({"sub": str(uuid4())}, 0),
            ({"sub": str(ada), "is_anonymous": True}, 0),
        ):
            owner.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
            assert owner.execute("select count(*) from generation_jobs").fetchall() == [(seen,)], claims


def test_login_under_policies_sees_no_rows_without_claims(app_database: Conninfo, hosted_server: Server) -> None:
    jobs_db = JobsDatabase(app_database)
    fill(jobs_db)
    jobs_db.close()
    name = str(app_database["dbname"])
    count = "select count(*) from generation_jobs"
    assert answer(hosted_server.login(name, "least_privilege"), count) == 8
    assert answer(hosted_server.login(name, "under_policies"), count) == 0


def test_a_wrong_password_is_refused(app_database: Conninfo) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect({**app_database, "password": "wrong"})


def test_transaction_pooler_shares_connections_between_clients(
    app_database: Conninfo, transaction_pooler: Pooler
) -> None:
    login = transaction_pooler.login(str(app_database["dbname"]))
    clients = [connect(login, autocommit=True) for _ in range(3 * POOL_SIZE)]
    served_by = [client.execute("select pg_backend_pid()").fetchone() for client in clients]
    assert len(set(served_by)) <= POOL_SIZE
    for client in clients:
        client.close()


def test_session_pooler_gives_each_client_its_own_connection(app_database: Conninfo, session_pooler: Pooler) -> None:
    login = session_pooler.login(str(app_database["dbname"]))
    clients = [connect(login, autocommit=True) for _ in range(POOL_SIZE)]
    served_by = [client.execute("select pg_backend_pid()").fetchone() for client in clients]
    assert len(set(served_by)) == POOL_SIZE
    for client in clients:
        client.close()


def test_replica_shows_new_tables_and_refuses_writes(app_database: Conninfo, replica: Replica) -> None:
    with connect(app_database) as owner:
        owner.execute("create table public.proof ()")
    replica.catch_up()
    copy = replica.login(str(app_database["dbname"]))
    assert answer(copy, "select to_regclass('public.proof') is not null") is True
    with connect(copy) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("create table public.other ()")


def test_tls_server_refuses_unencrypted_connections(tls_server: TlsServer) -> None:
    login = tls_server.login()
    verified = {**login, "sslmode": "verify-full", "sslrootcert": str(tls_server.certificate)}
    assert answer(verified, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") is True
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect({**login, "sslmode": "disable"})


def test_killed_test_run_leaves_no_server_or_directory(hosted_server: Server) -> None:
    command = [sys.executable, "-c", A_RUN, str(quick_directory()), str(hosted_server.programs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        assert is_running(int(pid))
        os.kill(run.pid, signal.SIGKILL)
    until(lambda: not is_running(int(pid)) and not Path(directory).exists())
