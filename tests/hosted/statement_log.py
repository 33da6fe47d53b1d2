"""The statements that a server received from gjobs, read from the server's log."""

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
"""The start of the application name of each connection of gjobs."""

_STATEMENT = re.compile(r"(?:statement|execute (?P<name>[^:]*)): (?P<sql>.*)", re.DOTALL)

_BEGIN = re.compile(r"BEGIN (READ ONLY|ISOLATION LEVEL (REPEATABLE READ READ ONLY|READ COMMITTED( READ ONLY)?))")

_END = re.compile(r"COMMIT|ROLLBACK")

_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)

_ALLOWED = re.compile(
    r"(SELECT|INSERT|UPDATE|DELETE|WITH|SAVEPOINT|ROLLBACK TO|RELEASE|EXPLAIN \(FORMAT JSON\) SELECT)\b", re.IGNORECASE
)
"""Statements that leave no trace in the session. EXPLAIN only plans."""

_SETTING = re.compile(r"set_config\(([^()]*)\)")

_POOLERS_OWN = re.compile(r"(SET \w+='[^']*';?)+|DISCARD ALL")
"""Statements that PgBouncer sends when it gives a connection to another client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    session: str
    """The session of the server, which a pooler shares between clients."""
    prepared_as: str
    """The name of the prepared statement, or empty."""
    sql: str
    transaction: int
    """The transaction id, or 0. Only transactions that write get an id."""
    canceled: bool = False
    """Whether gjobs canceled it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMessage:
    level: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    statements: Sequence[Statement]
    problems: Sequence[ServerMessage]
    """The server's warnings and errors, except for canceled statements."""
    canceled: int
    """The number of reading statements that gjobs canceled, such as a count when the user presses a key."""

    @property
    def by_session(self) -> Sequence[Sequence[Statement]]:
        sessions = defaultdict(list)
        for statement in self.statements:
            sessions[statement.session].append(statement)
        return list(sessions.values())

    @property
    def sessions_at_once(self) -> int:
        """The highest number of sessions in use at the same time, each from its first statement to its last."""
        order = [statement.session for statement in self.statements]
        spans = {session: (order.index(session), len(order) - 1 - order[::-1].index(session)) for session in order}
        return max(
            (sum(first <= place <= last for first, last in spans.values()) for place in range(len(order))), default=0
        )

    @property
    def traces(self) -> list[str]:
        """The statements that leave or could leave state in a session."""
        found = []
        for session in self.by_session:
            inside = False
            for statement, following in zip_longest(session, session[1:]):
                sql = _COMMENT.sub("", statement.sql).strip()
                if statement.prepared_as:
                    found.append(f"prepared: {sql}")
                if not inside and _BEGIN.fullmatch(sql):
                    inside = not statement.canceled
                elif inside and _END.fullmatch(sql):
                    # A canceled commit may end the transaction or leave it open for a rollback.
                    inside = statement.canceled and following is not None and following.sql == "ROLLBACK"
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

    def traces_of(self, login: Login) -> list[str]:
        """Return the traces. Prepared statements are traces only behind a pooler. Without one, they end with the
        session.
        """
        return [trace for trace in self.traces if login.is_pooled or not trace.startswith("prepared: ")]

    @property
    def writes(self) -> int:
        """The number of transactions that wrote."""
        return len({statement.transaction for statement in self.statements} - {0})


@contextmanager
def record_transcript(login: Login) -> Iterator[Callable[[], Transcript]]:
    """Record the statements of gjobs with this login on connections opened from now on."""
    server, database = login.server, login.database
    with connect(login.primary.administrator(), autocommit=True) as administrator:
        administrator.execute(SQL("alter database {} set log_statement = 'all'").format(Identifier(database)))
    if server is not login.primary:
        catch_up(server, login.primary)
    start = server.records.stat().st_size

    def transcript() -> Transcript:
        _wait_for_the_records(server, start)
        with server.records.open("rb") as file:
            file.seek(start)
            records = [json.loads(line) for line in file]
        ours = [record for record in records if record.get("dbname") == database]
        ours = [record for record in ours if (record.get("application_name") or "").startswith(APPLICATION)]
        problems = [record for record in ours if record["error_severity"] != "LOG" and not _was_canceled(record)]
        return Transcript(
            statements=_statements(ours),
            problems=[ServerMessage(level=one["error_severity"], message=one["message"]) for one in problems],
            canceled=sum(map(_was_canceled, ours)),
        )

    yield transcript


def _was_canceled(record: dict[str, str]) -> bool:
    """Whether gjobs canceled a statement that reads. A timeout has the same code and differs only in the message."""
    is_stopped = (record.get("state_code"), record["message"]) == ("57014", "canceling statement due to user request")
    return is_stopped and int(record["txid"]) == 0


def _statements(records: Sequence[dict[str, str]]) -> Sequence[Statement]:
    """Read the statements. The log contains a canceled statement twice in its session: at its start and at its
    cancellation. when it begins, and when it is canceled.
    """
    found: list[Statement] = []
    last: dict[str, int] = {}
    for record in records:
        session = record["session_id"]
        if statement := _statement(record):
            last[session] = len(found)
            found.append(statement)
        elif _was_canceled(record) and session in last:
            begun = found[last[session]]
            found[last[session]] = replace(begun, canceled=begun.sql == record.get("statement"))
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


def _wait_for_the_records(server: Server, start: int) -> None:
    """Wait until the log collector, which writes later but in order, has written all messages.

    Only the records from `start` are read: the file holds those of all tests.
    """
    mark = uuid.uuid4().hex
    with connect(server.administrator(), autocommit=True) as administrator:
        administrator.execute("set log_statement = 'all'")
        administrator.execute(SQL("select {}").format(Literal(mark)))
    with server.records.open("rb") as file:
        file.seek(start)
        found = b""

        def is_written() -> bool:
            nonlocal found
            found += file.read()
            return mark.encode() in found

        until(is_written)
