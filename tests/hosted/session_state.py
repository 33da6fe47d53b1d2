"""The state that sessions can leave on the connections of a pool."""

from contextlib import ExitStack

from tests.conftest import Conninfo, connect
from tests.hosted.access_routes import Login
from tests.hosted.pooler import POOL_SIZE

STATE = """
    select name, setting from pg_settings where name <> 'application_name' and name not like 'plpgsql.%'
    union all select 'claims', coalesce(nullif(current_setting('request.jwt.claims', true), ''), 'none')
    union all select 'user', current_user
    union all select 'prepared statements', count(*)::text from pg_prepared_statements
    union all select 'listening', count(*)::text from pg_listening_channels()
    union all select 'temporary schema', pg_my_temp_schema()::text
    union all select 'advisory locks', count(*)::text from pg_locks
        where pid = pg_backend_pid() and locktype = 'advisory'
    order by 1
"""
"""All state that a session can leave on its connection, except settings of plpgsql. A trigger of the app loads them."""


def read_states(*conninfos: Conninfo) -> list[dict[str, str]]:
    """Return the states of several connections, which are open in transactions at the same time."""
    with ExitStack() as open_clients:
        clients = [open_clients.enter_context(connect(conninfo)) for conninfo in conninfos]
        states: list[dict[str, str]] = [dict(client.execute(STATE.encode()).fetchall()) for client in clients]
        pids = {client.execute("select pg_backend_pid()").fetchone() for client in clients}
        assert len(pids) == len(clients)
        return states


def changed_states(login: Login, initial_state: dict[str, str]) -> list[dict[str, str]]:
    """Return the changed state of each connection of the pool."""
    return [dict(state.items() - initial_state.items()) for state in read_states(*[login.conninfo] * POOL_SIZE)]
