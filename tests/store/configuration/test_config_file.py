"""Settings of the configuration file, the error for each mistake, colours and passwords."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.color import Color

from gjobs.store.configuration.config_file import (
    NAMES,
    ConfigurationFile,
    configuration_file,
    load,
    read_color,
    read_content,
    read_document,
)
from gjobs.store.configuration.settings import (
    EMBEDDED_PROFILE,
    Configuration,
    Notifications,
    Pooler,
    Profile,
    holds_password,
)
from gjobs.store.configuration.toml_table import TomlTable, lines_of
from gjobs.store.errors import BadConfiguration

FILE = Path("/etc/here/config.toml")

COMPLETE = """
theme = "nord"
default_profile = "prod"

[profiles.prod]
url = "postgresql://support@db.example.com/app"
label = "Production"
color = "Red"
as = "ana@example.com"
interval = 5
statement_timeout = 2.5
time_zone = "Europe/Berlin"
password_command = "op read 'op://prod/gjobs login'"
sslmode = "verify-full"
sslrootcert = "certificates/prod.pem"
pooler = "session"

[profiles.lab]
service = "it's mine"
write = true
color = "#0af"
password_command = ["pass", "lab", "a b"]

[profiles.embedded]
label = "play"
color = "teal"
write = false

[keymap]
job.start = "S"
"job.delete" = ["D", "ctrl+d"]

[views]
failures = "status:failed"

[notifications]
view = "failures"
bell = true
"""

PROFILE_KEYS = (
    *("url", "service", "password_command", "sslmode", "sslrootcert", "pooler"),
    *("write", "label", "color", "as", "claims", "interval", "statement_timeout", "time_zone"),
)


def read(text: str) -> Configuration:
    return read_content(text.encode(), path=FILE)


def problems(text: str) -> list[str]:
    """Return the problems of a text without the file's name."""
    with pytest.raises(BadConfiguration) as caught:
        read(text)
    assert all(problem.startswith(str(FILE)) for problem in caught.value.problems)
    return [problem.removeprefix(str(FILE)).lstrip(", :") for problem in caught.value.problems]


def test_configuration_reads_every_setting() -> None:
    configuration = read(COMPLETE)
    assert (configuration.path, configuration.theme, configuration.default_profile) == (FILE, "nord", "prod")
    assert configuration.notifications == Notifications(view="failures", bell=True)
    assert configuration.keymap == {"job.start": ("S",), "job.delete": ("D", "ctrl+d")}
    assert list(configuration.profiles) == ["prod", "lab", "embedded"]
    assert configuration.profiles["prod"] == Profile(
        name="prod",
        label="Production",
        color="red",
        act_as="ana@example.com",
        interval=5.0,
        statement_timeout=2.5,
        time_zone="Europe/Berlin",
        pooler=Pooler.SESSION,
        address="postgresql://support@db.example.com/app",
        parameters={"sslmode": "verify-full", "sslrootcert": "/etc/here/certificates/prod.pem"},
        password_command=("op", "read", "op://prod/gjobs login"),
    )
    lab = configuration.profiles["lab"]
    assert (lab.label, lab.write, lab.color) == ("lab", True, "#0af")
    assert lab.address == "service='it\\'s mine'"
    assert lab.password_command == ("pass", "lab", "a b")
    embedded = configuration.profiles["embedded"]
    assert (embedded.label, embedded.color, embedded.write, embedded.address) == ("play", "teal", False, None)


def test_configuration_defaults() -> None:
    assert read("") == Configuration(path=FILE, profiles={"embedded": EMBEDDED_PROFILE})
    assert EMBEDDED_PROFILE.write
    assert not read('[profiles.a]\nservice = "a"').profiles["a"].write
    assert read("[notifications]").notifications == Notifications()


PROD = '[profiles.prod]\nurl = "postgresql://db/app"\n'

EMBEDDED_URL = '[profiles.embedded]\nurl = "postgresql:///x"'

TWO_PASSWORDS = '[profiles.a]\nurl = "postgresql://ada:hunter2@db/app"\npassword_command = "pass a"'

EXAMPLE = "use postgresql://USER@HOST/DATABASE."


NO_KEY = "names no key; write 'comma' for a comma."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('thme = "x"', "1: thme is not known. Did you mean 'theme'?"),
        ("theme = 3", "1: theme is a number, but must be a string."),
        ('theme = " "', "1: theme is empty."),
        ("profiles = []", "1: profiles is a list, but must be a table."),
        ("[profiles]\nprod = 1", "2: profiles.prod is a number, but must be a table."),
        ('[profiles]\n"" = {}', '2: profiles."" has an empty name.'),
        (
            'default_profile = "a"',
            "1: default_profile does not name a profile: 'a' is not known. Use one of embedded.",
        ),
        (
            'default_profile = "app:supabase"',
            (
                "1: default_profile does not name a profile: 'app:supabase' is not known. Use one of embedded. "
                "Names that begin with 'app:' cannot be the default: they exist only in the folder of an app."
            ),
        ),
        ("[profiles.a]", "1: profiles.a needs either url or service, and not both."),
        (f'{PROD}service = "x"', "1: profiles.prod needs either url or service, and not both."),
        ('[profiles.a]\nurl = "db.example.com"', f"2: profiles.a.url is not an address: {EXAMPLE}"),
        (
            '[profiles.a]\nurl = "mysql://db/app"',
            f"2: profiles.a.url starts with 'mysql', but gjobs opens only Postgres: {EXAMPLE}",
        ),
        (EMBEDDED_URL, "2: profiles.embedded.url does not apply: 'embedded' is the name of gjobs' own database."),
        (TWO_PASSWORDS, "3: profiles.a.password_command is a second password: the url holds one already."),
        ("[keymap]\njob.start = 3", "2: keymap.job.start must be a key, or a list of keys."),
        ("[keymap]\njob.start = []", f"2: keymap.job.start {NO_KEY}"),
        ('[keymap]\n"job.start" = ","', f'2: keymap."job.start" {NO_KEY}'),
        ("notifications = true", "1: notifications is true or false, but must be a table."),
        ("[notifications]\nbell = 1", "2: notifications.bell is a number, but must be true or false."),
        (
            "[notifications]\nview = 'late'",
            "2: notifications.view does not name a view of [views]: no view is configured.",
        ),
        (
            "[views]\nlater = 'is:stuck'\n[notifications]\nview = 'late'",
            "4: notifications.view does not name a view of [views]: 'late' is not known. Did you mean 'later'?",
        ),
        (
            "[notifications]\nterminal = 'fot'",
            "2: notifications.terminal has an invalid value: 'fot' is not known. Did you mean 'foot'?",
        ),
        (
            "[notifications]\nsound = 1",
            "2: notifications.sound is not known. Use one of view, bell, desktop, terminal.",
        ),
        *(
            (f"{PROD}{line}", f"3: profiles.prod.{line.partition(' ')[0]} {clause}")
            for line, clause in (
                ("colour = 1", "is not known. Did you mean 'color'?"),
                ('color = "reed"', "is not a colour: 'reed' is not known. Did you mean 'red'?"),
                ('color = "#12"', "must be '#' and 3 or 6 hexadecimal digits, or a colour's name."),
                ('write = "yes"', "is a string, but must be true or false."),
                ("write = 1", "is a number, but must be true or false."),
                ("interval = true", "is true or false, but must be a number of seconds."),
                ("interval = 0", "must be from 0.5 to 3600 seconds."),
                ("interval = nan", "must be from 0.5 to 3600 seconds."),
                ("statement_timeout = 1e9", "must be from 0.1 to 3600 seconds."),
                ("as = 2026-11-24", "is a date or a time, but must be a string."),
                *(
                    (
                        f'time_zone = "{zone}"',
                        f"is not a time zone: '{zone}' is unknown. Use a name such as 'Europe/Berlin'.",
                    )
                    for zone in ("Europe/Berln", "../../etc/passwd", "Europe", "/etc/localtime")
                ),
                ('sslmode = "requires"', "has an invalid value: 'requires' is not known. Did you mean 'require'?"),
                ("password_command = 'op \"'", "has a quotation mark that is not closed."),
                ("password_command = []", "names no program."),
                (
                    "password_command = [1]",
                    "must be a program and its arguments, as one string or as a list of strings.",
                ),
                ('claims = "org"', "is a string, but must be a table."),
                ("claims = { sub = 'x' }", "cannot set sub: gjobs takes it from the user that you act as."),
                ("claims = { role = 'x' }", "cannot set role: gjobs takes it from the user that you act as."),
                ("claims = { aal = 'aal2' }", "cannot set aal: --aal sets it."),
                *(
                    (
                        f"claims = {{ x = {value} }}",
                        "must hold only JSON values: no dates, no times, no infinite numbers.",
                    )
                    for value in ("2026-01-01", "inf")
                ),
                ('claims = { org = "a\\u0000b" }', "contains a NUL character."),
            )
        ),
    ],
)
def test_each_configuration_mistake_is_reported_with_file_line_and_key(text: str, problem: str) -> None:
    assert problems(text) == [f"line {problem}"]


def test_all_mistakes_are_reported_together_in_file_order() -> None:
    text = 'x = 1\n[profiles.a]\nwrite = "no"\nurl = """\ndb.example.com\n"""\ncolor = """\nred"""\ny = 2\n'
    assert problems(text) == [
        "line 1: x is not known. Use one of profiles, default_profile, theme, keymap, views, notifications.",
        "line 3: profiles.a.write is a string, but must be true or false.",
        f"line 4: profiles.a.url is not an address: {EXAMPLE}",
        f"line 9: profiles.a.y is not known. Use one of {', '.join(PROFILE_KEYS)}.",
    ]


@pytest.mark.parametrize(
    ("text", "location", "line"),
    [
        ("a = 1\nb = 2", ("b",), 2),
        ("# b\na = 'b'\nb = 2", ("b",), 3),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ("b = [\n 1,\n 2,\n]", ("b",), 1),
        ("[p.x]\nb = 1\n[p.y]\nb = 2", ("p", "y", "b"), 4),
        ("[k]\nb.c = 1", ("k", "b", "c"), 2),
        ('[k]\n"b.c" = 1', ("k", "b.c"), 2),
        ('"\\u0062" = 1', ("b",), 1),
        ("\r\n[ p . 'x' ] # [y]\r\nb = 1\r\n", ("p", "x", "b"), 3),
        ("a = {b = {c = 1}}", ("a", "b", "c"), 1),
        ("[[p]]\na = 1\n[[p]]\n[q]\na = 1", ("q", "a"), 5),
        ("[[p]]\na = 1\n[[p]]\nb = 1\na = 1", ("p", "2", "a"), 5),
        ("[[p]]\na = 1\n[[p]]\nb = 1\na = 1", ("p", "2"), 3),
        ("a = [\n[1],\n'''\n]''',\n# ]\n]\nb = 1", ("b",), 7),
        ("a = [\n" + "[1],\n" * 100 + "]\nb = 1", ("b",), None),
        ('a = """' + "\n" * 1_000 + '"""\nb = 1', ("b",), 1002),
        ("a = 1", ("b",), None),
        ("a = 1", (), None),
    ],
)
def test_line_of_a_key_is_found_in_the_text(text: str, location: tuple[str, ...], line: int | None) -> None:
    assert lines_of(text).get(location) == line


@pytest.mark.parametrize(
    "mistake",
    [
        '[profiles.p{}]\nurl = "x"\nwrite = 1\n',
        "profiles.p{}.write = 1\n",
        "[profiles.p{}]\npassword_command = [\n1,\n2,\n]\n",
        "x{} = 1\n",
    ],
)
def test_many_mistakes_are_reported_quickly_and_only_the_first_are_shown(mistake: str) -> None:
    text = "".join(mistake.format(number) for number in range(2_000))
    started = time.monotonic()
    *shown, rest = problems(text)
    assert time.monotonic() - started < 5
    assert len(shown) == 20
    numbers = [int(problem.removeprefix("line ").partition(":")[0]) for problem in shown]
    assert numbers == sorted(numbers)
    assert numbers[0] in (1, 2)
    assert re.fullmatch(r"has \d,\d{3} more problems\.", rest)


def test_one_hidden_problem_is_counted() -> None:
    assert problems("".join(f"x{number} = 1\n" for number in range(21)))[-1] == "has 1 more problem."
    assert len(problems("".join(f"x{number} = 1\n" for number in range(20)))) == 20


def test_error_messages_contain_no_secret_of_the_file() -> None:
    text = '[profiles.a]\nurl = "mysql://ada:hunter2@db/x"\npassword_command = ["hunter2", 1]'
    with pytest.raises(BadConfiguration) as caught:
        read(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("root.pem", "/etc/here/root.pem"),
        ("/etc/ssl/root.pem", "/etc/ssl/root.pem"),
        ("~/root.pem", "/home/ada/root.pem"),
        ("system", "system"),
    ],
)
def test_certificate_path_is_relative_to_the_file(path: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert read(f'{PROD}sslrootcert = "{path}"').profiles["prod"].parameters == {"sslrootcert": expected}


KEYS = st.sampled_from(
    ["profiles", "keymap", "theme", "default_profile", "prod", "embedded", "job", "start", *PROFILE_KEYS]
)

SCALARS = st.one_of(
    st.text(),
    st.sampled_from(["red", "postgresql://db/x", "host=x", "embedded", "op read"]),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
)

VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(), inner, max_size=5),
    max_leaves=10,
)


@given(document=st.dictionaries(KEYS | st.text(), VALUES, max_size=5))
def test_any_document_is_read_or_its_problems_name_existing_keys(document: Mapping[str, object]) -> None:
    top = TomlTable(document)
    configuration = read_document(top, path=FILE)
    for location, _ in top.problems:
        inner: object = document
        for part in location:
            assert isinstance(inner, Mapping)
            inner = inner[part]
    assert "embedded" in configuration.profiles


@given(text=st.text())
def test_any_text_is_read_or_raises_an_error_that_names_the_file(text: str) -> None:
    found: tuple[str, ...] = ()
    try:
        read(text)
    except BadConfiguration as error:
        found = error.problems
    assert all(problem.startswith(str(FILE)) for problem in found)


class TestFile:
    def test_option_overrides_the_variable_and_the_default_configuration_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
        environment = {"GJOBS_CONFIG": "~/variable.toml"}
        option = configuration_file(Path("/option.toml"), environment)
        assert option == ConfigurationFile(path=Path("/option.toml"), named_by="--config")
        variable = configuration_file(None, environment)
        assert variable == ConfigurationFile(path=tmp_path / "variable.toml", named_by="GJOBS_CONFIG")
        default = configuration_file(None, {"GJOBS_CONFIG": ""})
        assert default.named_by is None
        assert default.path.name == "config.toml"
        assert default.path.is_relative_to(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_default_file_may_be_missing_or_begin_with_a_byte_order_mark(self, tmp_path: Path) -> None:
        missing = tmp_path / "gjobs" / "config.toml"
        assert load(ConfigurationFile(path=missing, named_by=None)) == Configuration()
        assert not missing.parent.exists()

        file = tmp_path / "config.toml"
        file.write_bytes(b'\xef\xbb\xbftheme = "nord"')
        assert load(ConfigurationFile(path=file, named_by=None)).theme == "nord"

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"\xff", "is not UTF-8"),
            (b"#" * 1_000_001, "is larger than 1 MB"),
            (b"theme = \n", "is not TOML: .*line 1"),
            (b"theme = " + b"[" * 100_000, "is nested too deeply"),
            (b"[keymap]\na" + b".a" * 60 + b" = 'x'", "is nested too deeply"),
            ("a directory", "cannot be read: Is a directory"),
            ("nothing", "does not exist, but GJOBS_CONFIG names it"),
        ],
    )
    def test_unreadable_file_is_reported_with_reason(self, tmp_path: Path, content: bytes | str, words: str) -> None:
        file = tmp_path / "config.toml"
        if isinstance(content, bytes):
            file.write_bytes(content)
        elif content == "a directory":
            file.mkdir()
        with pytest.raises(BadConfiguration, match=words):
            load(ConfigurationFile(path=file, named_by="GJOBS_CONFIG"))

    @pytest.mark.parametrize(
        ("mode", "login", "warns"),
        [
            *((mode, "ada:hunter2", True) for mode in (0o640, 0o604, 0o660, 0o777)),
            (0o600, "ada:hunter2", False),
            (0o644, "ada", False),
        ],
    )
    def test_password_readable_by_others_is_reported(self, tmp_path: Path, mode: int, login: str, warns: bool) -> None:
        file = tmp_path / "config.toml"
        file.write_text(f'[profiles.a]\nurl = "postgresql://{login}@db/app"', encoding="utf-8")
        file.chmod(mode)
        warning = load(ConfigurationFile(path=file, named_by=None)).warning or ""
        assert (f"chmod 600 {file}" in warning) is bool(warning) is warns
        assert "hunter2" not in warning


def test_colour_is_a_name_that_textual_knows_or_three_or_six_hexadecimal_digits() -> None:
    assert all(read_color(name) == name and Color.parse(name) for name in NAMES)
    assert list(map(read_color, ("#0af", "#00AAFF", " Red"))) == ["#0af", "#00aaff", "red"]
    for other in ("#00aaff80", "#0ag", "0af", ""):
        with pytest.raises(ValueError, match=r"^(must be|is not a colour)"):
            read_color(other)


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("postgresql://ada:hunter2@db/app", True),
        ("postgres://ada:hunter2@db:5432/app", True),
        ("postgresql://db/app?user=ada&password=hunter2", True),
        ("host=db password=hunter2", True),
        ("host=db password = 'hunter2'", True),
        ("host=db sslpassword=hunter2", True),
        ("postgresql://ada@db:5432/app", False),
        ("postgresql://db:5432/app", False),
        ("postgresql://ada@[::1]:5432/app", False),
        ("service='password'", False),
        ("host=db passfile=/home/ada/.pgpass", False),
    ],
)
def test_password_in_a_database_address_is_detected(address: str, holds: bool) -> None:
    assert holds_password(address) is holds
