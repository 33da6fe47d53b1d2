"""Database URLs, the parts of them that may be shown, and passwords that a command prints."""

import asyncio
import os
import sys
from pathlib import Path
from traceback import format_exception
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gjobs.store.database.connection_url import PasswordCommand, label, parse
from gjobs.store.errors import InvalidValue, SignInRefused
from tests.store.store_fixtures import until

SECRET = "zQ9kX7wV"

passwords = st.builds(
    "{}{}{}{}{}".format,
    st.text(alphabet="@:/?#%&= '\\ab", max_size=4),
    st.just(SECRET[:4]),
    st.text(alphabet="@:/?#%&= '\\ab", max_size=4),
    st.just(SECRET[4:]),
    st.text(alphabet="@:/?#%&= '\\ab", max_size=4),
)


def shown(url: str) -> str:
    """Everything that a user sees of a URL: the label or the error."""
    try:
        return label(parse(url), {})
    except InvalidValue as error:
        return "".join(format_exception(error)) + repr((error.hint, error.field))


def assert_no_part_of_the_secret(text: str) -> None:
    assert SECRET[:4] not in text
    assert SECRET[4:] not in text


@given(passwords)
def test_quoted_password_is_parsed_and_left_out_of_the_label(password: str) -> None:
    url = f"postgresql://ada:{quote(password, safe='')}@db.example.com:6543/shop?sslmode=require"
    assert parse(url)["password"] == password
    assert shown(url) == "db.example.com:6543/shop"


@given(passwords, st.sampled_from(["postgresql", "postgres", "mysql", "postgresql+asyncpg"]))
@example(f"{SECRET}://", "postgresql")
def test_unquoted_password_is_never_shown(password: str, scheme: str) -> None:
    for url in (
        f"{scheme}://ada:{password}@db.example.com:5432/shop",
        f"{scheme}://ada:{password}@db.example.com",
        f"{scheme}://ada:{password.replace('@', '').replace('/', '')}",
        f"{scheme}://db.example.com/shop?user=ada&password={password}",
        f"{scheme}://db.example.com?password={password}",
        f"host=db.example.com password={password} dbname=shop",
        f"host=db.example.com user=ada port={password}",
        password,
    ):
        assert_no_part_of_the_secret(shown(url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:p@ss@db.example.com/shop",
        "postgresql://ada:p/ss@db.example.com/shop",
        "postgresql://ada:p?ss@db.example.com/shop",
        "postgresql://ada:p@s/s@db.example.com/shop",
        "postgresql://ada:secret",
        "host=db.example.com port=secret",
        "postgresql://db.example.com/shop?colour=blue",
        "postgresql://db.example.com/%zz",
        "postgresql://db.example.com/a\0b",
        "postgresql://db.example.com/\udc80",
        "just words",
    ],
)
def test_error_for_an_invalid_url_does_not_repeat_the_url(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(url)
    assert caught.value.message == "The database URL cannot be read."
    assert caught.value.hint is not None
    assert caught.value.field == "database_url"


def test_error_names_an_unsupported_scheme() -> None:
    for scheme in ("mysql", "sqlite", "POSTGRESQL", "postgresql+asyncpg", "https"):
        with pytest.raises(InvalidValue, match="only Postgres can be opened") as caught:
            parse(f"{scheme}://ada:hunter2@db.example.com/shop")
        assert repr(scheme) in str(caught.value)
        assert "hunter2" not in str(caught.value)

    assert parse("host=here password=a://b")["password"] == "a://b"


def test_label_names_host_and_database() -> None:
    for url, name in (
        ("postgresql://ada@db.example.com/shop", "db.example.com/shop"),
        ("postgresql:///shop", "local/shop"),
        ("postgresql://", "local"),
        ("postgresql://a.example.com:1,b.example.com:2/shop", "a.example.com,b.example.com/shop"),
        ("postgresql://ada@/shop?host=/run/postgresql&port=6543", "/run/postgresql/shop"),
        ("postgresql://ada@db.example.com:5432/shop", "db.example.com/shop"),
        ("postgresql://ada@db.example.com:6543/shop", "db.example.com:6543/shop"),
        ("postgresql://ada@a.example.com:1,b.example.com:5432/shop", "a.example.com:1,b.example.com/shop"),
        (
            "host=a.example.com,b.example.com port=6543 user=ada dbname=shop",
            "a.example.com:6543,b.example.com:6543/shop",
        ),
        ("hostaddr=192.0.2.7 port=6543 user=ada", "192.0.2.7:6543"),
        ("postgresql://ada:1234", "ada"),
        ("postgresql://ada:pw@db.example.com?options=-c%20a%3Db@c", "db.example.com"),
        ("service=production", "production"),
        ("hostaddr=192.0.2.7 dbname=shop", "192.0.2.7/shop"),
    ):
        assert label(parse(url), {}) == name

    assert label(parse("postgresql://"), {"PGHOST": "prod", "PGDATABASE": "shop"}) == "prod/shop"
    assert label(parse("postgresql://here/db"), {"PGHOST": "prod", "PGDATABASE": "shop"}) == "here/db"


def shell(script: str, *, limit: float = 20.0) -> PasswordCommand:
    return PasswordCommand(["sh", "-c", script], limit=limit)


@pytest.mark.parametrize(
    ("script", "password"),
    [
        ("echo hunter2", "hunter2"),
        ("printf hunter2", "hunter2"),
        ("printf 'hunter2\\r\\nmore\\n'", "hunter2"),
        ("echo ' two words '", " two words "),
        ("echo héé", "héé"),
        ("echo hunter2; head -c 300000 /dev/zero", "hunter2"),
        ("echo hunter2; echo secret >&2", "hunter2"),
    ],
)
async def test_first_line_of_the_command_output_is_the_password(script: str, password: str) -> None:
    assert await shell(script).get() == password


@pytest.mark.parametrize(
    ("script", "clause"),
    [
        ("echo hunter2; exit 3", "failed: it ended with 3"),
        ("kill -9 $$", "was ended by the signal 9"),
        ("true", "printed no password on its first line"),
        ("echo; echo hunter2", "printed no password on its first line"),
        ("printf '\\377\\n'", "printed text that is not UTF-8"),
        ("head -c 300000 /dev/zero | tr '\\0' x", "printed too long a line"),
        ("yes | tr -d '\\n'", "printed too long a line"),
        ("read answer; test -n \"$answer\" && echo hunter2", "failed: it ended with 1"),
    ],
)  # fmt: skip
async def test_command_without_a_password_is_refused_and_its_output_hidden(script: str, clause: str) -> None:
    with pytest.raises(SignInRefused) as caught:
        await shell(script).get()
    assert str(caught.value) == f"The password command 'sh' {clause}."
    assert "hunter2" not in f"{caught.value.hint}{caught.value!r}"


async def test_missing_or_slow_password_command_is_refused_and_ended_with_its_child_processes(tmp_path: Path) -> None:
    missing = str(tmp_path / "op")
    with pytest.raises(SignInRefused, match="cannot be run: No such file"):
        await PasswordCommand([missing]).get()

    file = tmp_path / "pid"
    with pytest.raises(SignInRefused, match=r"did not answer within 0\.2 s"):
        await shell(f"sleep 600 & echo $! > {file}; wait", limit=0.2).get()
    await until(lambda: not is_running(int(file.read_text())))


async def test_cancelling_kills_the_password_command(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    asking = asyncio.create_task(shell(f"echo $$ > {file}.part; mv {file}.part {file}; sleep 600").get())
    await until(file.exists)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(lambda: not is_running(int(file.read_text())))


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and ") Z " in stat.read_text())


async def test_password_command_runs_once_without_a_terminal_and_shows_no_arguments(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = shell(f"echo x >> {log}; wc -l < {log}")
    assert not command.is_known
    both = await asyncio.gather(command.get(), command.get())
    assert {text.strip() for text in both} == {"1"}
    assert command.is_known
    command.forget()
    assert (await command.get()).strip() == "2"

    asks = "import sys, os; print(sys.stdin.read() == '' and os.getsid(0) == os.getpid())"
    assert await PasswordCommand([sys.executable, "-c", asks]).get() == "True"

    assert "hunter2" not in repr(PasswordCommand(["echo", "hunter2"]))
