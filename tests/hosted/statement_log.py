"""What a server was told by gjobs, from the server's own records."""

import json
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest

from psycopg.sql import SQL, Identifier, Literal

from tests.conftest import connect
from tests.hosted.access_routes import Login
from tests.hosted.cluster import Server
from tests.hosted.replica import catch_up
from tests.hosted.server_directory import until

APPLICATION = "gjobs"

"""With this the name begins that our connections give themselves."""

_STATEMENT = re.compile(r"(?:statement|execute (?P<name>[^:]*)): (?P<sql>.*)", re.DOTALL)

_BEGIN = re.compile(r"BEGIN (READ ONLY|ISOLATION LEVEL (REPEATABLE READ READ ONLY|READ COMMITTED( READ ONLY)?))")

_END = re.compile(r"COMMIT|ROLLBACK")

_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)

_ALLOWED = re.compile(
    r"(SELECT|INSERT|UPDATE|DELETE|WITH|SAVEPOINT|ROLLBACK TO|RELEASE|EXPLAIN \(FORMAT JSON\) SELECT)\b", re.IGNORECASE
)

"""What is explained is planned and not run."""

_SETTING = re.compile(r"set_config\(([^()]*)\)")

_POOLERS_OWN = re.compile(r"(SET \w+='[^']*';?)+|DISCARD ALL")

"""With these PgBouncer hands a connection from one client to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    session: str
    """Of the server; a pooler lends it to several clients."""
    prepared_as: str
    """The name of a prepared statement; empty without one."""
    sql: str
    transaction: int
    """Its id, as far as the transaction has been given one by then, which only what writes is; else 0."""
    given_up: bool = False
    """Begun, and stopped by gjobs itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMessage:
    level: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    statements: Sequence[Statement]
    complaints: Sequence[ServerMessage]
    """The server's warnings and errors, but for what was given up."""
    given_up: int
    """How many statements that read gjobs itself stopped, as it does with a count when somebody asks for something."""

    @property
    def by_session(self) -> Sequence[Sequence[Statement]]:
        sessions = defaultdict(list)
        for statement in self.statements:
            sessions[statement.session].append(statement)
        return list(sessions.values())

    @property
    def sessions_at_once(self) -> int:
        """The most that were in use together, each from its first statement to its last.

        One that is broken, as by a count that was given up in the middle, is replaced.
        """
        order = [statement.session for statement in self.statements]
        spans = {session: (order.index(session), len(order) - 1 - order[::-1].index(session)) for session in order}
        return max(
            (sum(first <= place <= last for first, last in spans.values()) for place in range(len(order))), default=0
        )

    @property
    def traces(self) -> list[str]:
        """What leaves something behind, or could; empty where nothing does."""
        found = []
        for session in self.by_session:
            inside = False
            for statement, following in zip_longest(session, session[1:]):
                sql = _COMMENT.sub("", statement.sql).strip()
                if statement.prepared_as:
                    found.append(f"prepared: {sql}")
                if not inside and _BEGIN.fullmatch(sql):
                    inside = not statement.given_up
                elif inside and _END.fullmatch(sql):
                    # What stops a commit may leave the transaction, which then is to be rolled back, or end it.
                    inside = statement.given_up and following is not None and following.sql == "ROLLBACK"
                elif not inside:
                    found.append(f"outside of a transaction: {sql}")
                elif not _ALLOWED.match(sql):
                    found.append(f"neither reads rows nor changes them: {sql}")
                found += [
                    f"outlives the transaction: {sql}"
                    for values in _SETTING.findall(sql)
                    if values.rsplit(",", 1)[-1].strip() != "true"
                ]
            if inside:
                found.append(f"a transaction was left open after: {session[-1].sql}")
        return found

    @property
    def writes(self) -> int:
        """How many transactions were given an id."""
        return len({statement.transaction for statement in self.statements} - {0})


@contextmanager
def record_transcript(login: Login) -> Iterator[Callable[[], Transcript]]:
    """Records what gjobs says on this way, on connections that are opened from here on."""
    server, database = login.server, login.database
    with connect(login.primary.administrator(), autocommit=True) as administrator:
        administrator.execute(SQL("alter database {} set log_statement = 'all'").format(Identifier(database)))
    if server is not login.primary:
        catch_up(server, login.primary)
    start = server.records.stat().st_size

    def transcript() -> Transcript:
        _wait_for_the_records(server)
        with server.records.open("rb") as file:
            file.seek(start)
            records = [json.loads(line) for line in file]
        ours = [record for record in records if record.get("dbname") == database]
        ours = [record for record in ours if (record.get("application_name") or "").startswith(APPLICATION)]
        complaints = [record for record in ours if record["error_severity"] != "LOG" and not _was_given_up(record)]
        return Transcript(
            statements=_statements(ours),
            complaints=[ServerMessage(level=one["error_severity"], message=one["message"]) for one in complaints],
            given_up=sum(map(_was_given_up, ours)),
        )

    yield transcript


def _was_given_up(record: dict[str, str]) -> bool:
    """Only the words tell it from a time-out, which has the same code; what had begun to write is not given up."""
    is_stopped = (record.get("state_code"), record["message"]) == ("57014", "canceling statement due to user request")
    return is_stopped and int(record["txid"]) == 0


def _statements(records: Sequence[dict[str, str]]) -> Sequence[Statement]:
    """What is stopped stands in the records as begun, and then, before anything else of its session, as given up."""
    found: list[Statement] = []
    last: dict[str, int] = {}
    for record in records:
        session = record["session_id"]
        if statement := _statement(record):
            last[session] = len(found)
            found.append(statement)
        elif _was_given_up(record) and session in last:
            begun = found[last[session]]
            found[last[session]] = replace(begun, given_up=begun.sql == record.get("statement"))
    return found


def _statement(record: dict[str, str]) -> Statement | None:
    found = _STATEMENT.fullmatch(record["message"])
    if record["error_severity"] != "LOG" or found is None or _POOLERS_OWN.fullmatch(found["sql"]):
        return None
    return Statement(
        session=record["session_id"],
        prepared_as="" if found["name"] in (None, "<unnamed>") else found["name"],
        sql=found["sql"],
        transaction=int(record["txid"]),
    )


def _wait_for_the_records(server: Server) -> None:
    """The collector writes what it was told in that order, some moments later."""
    mark = uuid.uuid4().hex
    with connect(server.administrator(), autocommit=True) as administrator:
        administrator.execute("set log_statement = 'all'")
        administrator.execute(SQL("select {}").format(Literal(mark)))
    until(lambda: mark.encode() in server.records.read_bytes())
