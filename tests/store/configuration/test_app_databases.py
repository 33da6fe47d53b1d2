"""Databases that the files of an app name: real files, hostile files, merging, and what is never reported."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gjobs.store.configuration import app_databases
from gjobs.store.configuration.app_databases import AppDatabases, find_app_databases
from gjobs.store.configuration.app_folder import (
    LARGEST_FILE,
    MOST_LEVELS,
    Unusable,
    is_local,
    read_url,
    shown_place,
)
from gjobs.store.configuration.settings import NO_CONFIGURATION, Pooler, Profile, resolve
from gjobs.store.database.connection_url import label, parameters

SECRET = "hunter2"

Files = Mapping[str, str]

Find = Callable[..., AppDatabases]
"""Takes the content of files by path, and the directory to start in."""


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """Write an app with a repository, and find its databases as on a machine that is no container."""
    monkeypatch.setattr(app_databases, "_IN_CONTAINERS", ())

    def write_and_find(files: Files, start: str = ".", **environment: str) -> AppDatabases:
        (tmp_path / ".git").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / start).mkdir(parents=True, exist_ok=True)
        return find_app_databases(environment, (tmp_path / start).resolve())

    return write_and_find


def shown(found: AppDatabases) -> list[str]:
    """Return name and description of each database. A plus marks those that are local."""
    return [f"{'+-'[not one.is_local]} {one.profile.name}: {one.description}" for one in found.databases]


SUPABASE = """
project_id = "shop"
[api]
port = 54321
[db]
port = 54322
major_version = 17
[db.pooler]
port = 54329
"""

NEXT_AND_SUPABASE = {
    "supabase/config.toml": SUPABASE,
    ".env": "# Supabase\nNEXT_PUBLIC_SUPABASE_URL=http://127.0.0.1:54321\n"
    "DATABASE_URL=postgresql://postgres:postgres@localhost:54322/postgres\n",
    ".env.local": f'DATABASE_URL="postgresql://postgres.abc:{SECRET}@aws-0-eu.pooler.supabase.com:6543/postgres'
    '?pgbouncer=true&connection_limit=1"\n'
    f'export DIRECT_URL="postgresql://postgres.abc:{SECRET}@aws-0-eu.pooler.supabase.com:5432/postgres"\n',
    ".env.example": f"DATABASE_URL=postgresql://u:{SECRET}@example.com/never\n",
}

PRISMA = {
    ".env": f"DB_PASSWORD='{SECRET} &'\nSHADOW=x\n"
    "DATABASE_URL=postgres://ada@/shop?host=%2Fvar%2Frun%2Fpostgresql&schema=public&pool_timeout=0&sslmode=disable\n"
    f"DIRECT_URL=prisma+postgres://accelerate.prisma-data.net/?api_key={SECRET}\n",
    ".env.production.local": f"POSTGRES_URL='postgresql://ada:{SECRET}@db.example.com/shop?sslmode=no-verify'\n",
}

RAILS = {
    ".env": f"PGPORT=5433\r\nPGPASSWORD={SECRET}\r\n"
    "DATABASE_URL=postgis://rails:${PGPASSWORD}@127.0.0.1:${PGPORT}/${RAILS_DB:-shop_development}\n",
    "docker-compose.yml": """
x-login: &login
  POSTGRES_USER: rails
  POSTGRES_PASSWORD: ${PGPASSWORD:?set it}
services:
  web:
    build: .
    image: shop:${TAG}
    ports: ["3000:3000", "${ADMIN_PORT}:9000"]
    environment:
      DATABASE_URL: postgres://rails@db/shop
  db:
    image: postgis/postgis:16-3.4
    ports:
      - "${PGPORT:-5432}:5432"
    environment:
      <<: *login
      POSTGRES_DB: shop_development
""",
}

COMPOSE = {
    "compose.yaml": """
services:
  short: {image: "postgres:17@sha256:00", ports: [5432:5432]}
  bound:
    image: ghcr.io/me/pgvector:pg17
    ports: [127.0.0.1:5434:5432/tcp]
    environment: [POSTGRES_USER=ada, POSTGRES_PASSWORD=hun$$ter2, POSTGRES_DB]
  long:
    image: timescale/timescaledb-ha:pg16
    ports:
      - {target: 5432, published: "5435", host_ip: "::1", protocol: tcp, mode: host}
    env_file: [db.env, {path: missing.env, required: false}]
  remote: {build: ./db, ports: ["10.0.0.7:5436:5432"]}
  moved: {image: postgres, command: -p 7000, ports: ["7000:7000"]}
  sealed: {image: supabase/postgres:15}
  random: {image: postgres, ports: ["5432"]}
  ranged: {image: postgres, ports: ["5437-5438:5432-5433"]}
  meta: {image: supabase/postgres-meta, ports: ["8080:8080"]}
  rest: {image: postgrest/postgrest, ports: ["3001:3000"]}
""",
    "compose.override.yaml": "services: {sealed: {ports: !override ['5439:5432'], environment: [POSTGRES_PASSWORD=x]}}",
    "docker-compose.yml": "services: {unread: {image: postgres, ports: ['1:5432']}}",
    "db.env": f"POSTGRESQL_USERNAME=tim\nPOSTGRES_PASSWORD={SECRET}\n",
}

MONOREPO = {
    "apps/web/.env": "POSTGRES_URL=postgresql+asyncpg://web@localhost/web\n",
    ".env": "POSTGRES_URL=postgresql://root@localhost/root\nDATABASE_URL=postgres://u@db:5432/inside\n",
    "compose.yml": "services: {db: {image: postgres, ports: ['5440:5432']}}",
}


REAL_APPS: dict[str, tuple[Files, str, list[str]]] = {
    "next-supabase": (
        NEXT_AND_SUPABASE,
        "app/jobs",
        [
            "+ app:supabase: local Supabase at 127.0.0.1:54322 from supabase/config.toml and .env",
            "- app:.env.local:DATABASE_URL: DATABASE_URL at aws-0-eu.pooler.supabase.com:6543/postgres from .env.local",
            "- app:.env.local:DIRECT_URL: DIRECT_URL at aws-0-eu.pooler.supabase.com/postgres from .env.local",
        ],
    ),
    "prisma": (
        PRISMA,
        ".",
        [
            "+ app:.env:DATABASE_URL: DATABASE_URL at /var/run/postgresql/shop from .env",
            "- app:.env.production.local:POSTGRES_URL: POSTGRES_URL at db.example.com/shop from .env.production.local",
        ],
    ),
    "rails": (
        RAILS,
        "config",
        ["+ app:.env:DATABASE_URL: DATABASE_URL at 127.0.0.1:5433/shop_development from .env and docker-compose.yml"],
    ),
    "compose": (
        COMPOSE,
        ".",
        [
            f"+ app:compose.yaml:{name}: service {name} at {where} from compose.yaml"
            for name, where in (
                ("short", "127.0.0.1/postgres"),
                ("bound", "127.0.0.1:5434/ada"),
                ("long", "[::1]:5435/tim"),
                ("moved", "127.0.0.1:7000/postgres"),
                ("sealed", "127.0.0.1:5439/postgres"),
                ("ranged", "127.0.0.1:5437/postgres"),
            )
        ],
    ),
    "monorepo": (
        MONOREPO,
        "apps/web/src",
        [
            "+ app:apps/web/.env:POSTGRES_URL: POSTGRES_URL at localhost/web from apps/web/.env",
            "+ app:.env:POSTGRES_URL: POSTGRES_URL at localhost/root from .env",
            "+ app:compose.yml:db: service db at 127.0.0.1:5440/postgres from compose.yml",
        ],
    ),
    "supabase-default": (
        {"supabase/config.toml": 'project_id = "x"'},
        ".",
        ["+ app:supabase: local Supabase at 127.0.0.1:54322 from supabase/config.toml"],
    ),
    "nothing": ({"package.json": "{}", ".env.example": f"DATABASE_URL=postgres://u:{SECRET}@h/d"}, ".", []),
}


@pytest.mark.parametrize(("files", "start", "expected"), REAL_APPS.values(), ids=REAL_APPS)
def test_databases_of_real_apps_are_found(find: Find, files: Files, start: str, expected: list[str]) -> None:
    assert shown(find(files, start)) == expected


def test_service_names_are_hosts_in_a_container(find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find(MONOREPO)
    assert ".env: DATABASE_URL names a service of Docker Compose, which only containers can reach." in found.problems
    monkeypatch.setattr(app_databases, "_IN_CONTAINERS", (str(tmp_path),))
    in_container = find_app_databases({}, tmp_path)
    (inside,) = (one for one in in_container.databases if one.profile.name == "app:.env:DATABASE_URL")
    assert (inside.where, inside.is_local, in_container.problems) == ("db/inside", False, ())


def connected(found: AppDatabases, name: str) -> dict[str, object]:
    """Return libpq's parameters, as gjobs connects with them."""
    settings = resolve(
        profile=name, data_dir=Path("/data"), environment={}, configuration=found.added_to(NO_CONFIGURATION, name)
    )
    return {**parameters(settings.profile)}


def test_login_and_libpq_parameters_are_kept_and_other_drivers_parameters_dropped(find: Find) -> None:
    prisma, rails, compose = find(PRISMA), find(RAILS), find(COMPOSE)
    assert connected(find(NEXT_AND_SUPABASE), "app:supabase") == {
        **dict.fromkeys(("user", "password", "dbname"), "postgres"),
        "host": "127.0.0.1",
        "port": "54322",
    }
    assert connected(prisma, "app:.env:DATABASE_URL") == {
        "host": "/var/run/postgresql",
        "user": "ada",
        "dbname": "shop",
        "sslmode": "disable",
    }
    assert connected(prisma, "app:.env.production.local:POSTGRES_URL")["sslmode"] == "require"
    assert connected(rails, "app:.env:DATABASE_URL")["password"] == SECRET
    assert connected(rails, "app:docker-compose.yml:db") == connected(rails, "app:.env:DATABASE_URL")
    assert connected(compose, "app:compose.yaml:bound")["password"] == "hun$ter2"
    long = connected(compose, "app:compose.yaml:long")
    assert (long["host"], long["user"], long["password"]) == ("::1", "tim", SECRET)
    assert label({name: str(value) for name, value in long.items()}, {}) == "[::1]:5435/tim"


def test_local_databases_may_be_written_unless_variables_redirect_libpq(find: Find) -> None:
    found = {database.profile.name: database.profile for database in find(NEXT_AND_SUPABASE).databases}
    assert [profile.write for profile in found.values()] == [True, False, False]
    assert found["app:.env.local:DATABASE_URL"].pooler is Pooler.TRANSACTION
    assert found["app:.env.local:DIRECT_URL"].pooler is None

    for environment in ({"PGHOSTADDR": "192.0.2.1"}, {"PGSERVICE": "prod"}):
        assert not any(database.is_local for database in find(NEXT_AND_SUPABASE, **environment).databases)


@pytest.mark.parametrize(
    ("url", "environment", "where"),
    [
        ("postgres:///db", {"PGHOST": "192.0.2.2", "PGPORT": "6432", "PGDATABASE": "x"}, "192.0.2.2:6432/db"),
        ("postgres://", {"PGHOSTADDR": "192.0.2.2", "PGDATABASE": "x"}, "192.0.2.2/x"),
        ("postgres://", {"PGSERVICE": "prod"}, "prod"),
        ("postgres://localhost:5433/db", {"PGHOST": "192.0.2.2", "PGPORT": "6432"}, "localhost:5433/db"),
    ],
)
def test_shown_address_has_the_parts_that_libpq_takes_from_the_environment(
    find: Find, url: str, environment: dict[str, str], where: str
) -> None:
    (database,) = find({".env": f"DATABASE_URL={url}"}, **environment).databases
    assert database.where == where


HOSTILE: Files = {
    ".env": "\n".join(
        [
            'DATABASE_URL="postgres://u:hunter2@127.0.0.1@evil.example/db"',
            "DIRECT_URL=hunter2://x/y",
            "POSTGRES_URL=postgres://u:${AWS_SECRET}@localhost/db",
            "SUPABASE_DB_URL=postgres://postgres:[YOUR-PASSWORD]@db.example.com/postgres",
            "broken 'line",
        ]
    ),
    ".env.local": "DATABASE_URL=hunter2\nDIRECT_URL=postgres://u:hunter2@h:port/db\n"
    "POSTGRES_URL=postgres://u:hunter2/x?y@h/db\nSUPABASE_DB_URL=mysql://u:hunter2@h/db\n",
    "supabase/config.toml": "[db]\nport = 'env(HUNTER2)'",
    "compose.yaml": "services: {a: &a {image: postgres, ports: ['${HUNTER}:5432'], <<: [*a, *a]}, db: [*a],"
    " 'x y': {image: postgres, ports: ['1:5432']}}",
}

HOSTILE_WORDS = (
    ".env.local: DATABASE_URL is not a database URL.",
    ".env.local: DIRECT_URL has a host or port that cannot be read.",
    ".env.local: POSTGRES_URL is ambiguous. Percent-encode the special characters of the password.",
    ".env.local: SUPABASE_DB_URL starts with mysql://. Only Postgres can be opened.",
    ".env: DATABASE_URL is ambiguous. Percent-encode the special characters of the password.",
    ".env: DIRECT_URL does not start with postgresql://.",
    ".env: POSTGRES_URL uses $AWS_SECRET, which no file defines.",
    ".env: SUPABASE_DB_URL still has a placeholder instead of the password.",
    "supabase/config.toml: db.port uses an environment variable, which gjobs does not read.",
    "compose.yaml: the service a uses $HUNTER, which no file defines.",
    "compose.yaml: the service x y has a name that cannot be used.",
)


def test_unusable_values_are_explained_without_repeating_them(
    find: Find, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = find(HOSTILE, AWS_SECRET=SECRET, HUNTER="5432")
    assert found.databases == ()
    assert sorted(found.problems) == sorted(HOSTILE_WORDS)
    others = [find(files) for files in (NEXT_AND_SUPABASE, PRISMA, RAILS, COMPOSE)]
    reported = f"{found} {others} {[one.profile for other in others for one in other.databases]}"
    assert SECRET not in reported + caplog.text + "".join(capfd.readouterr())


def bomb(levels: int) -> str:
    lines = ["x0: &x0 {image: postgres}"]
    lines += [f"x{n}: &x{n} {{<<: [{', '.join([f'*x{n - 1}'] * 9)}]}}" for n in range(1, levels)]
    return "\n".join([*lines, f"services: {{db: {{<<: *x{levels - 1}, ports: ['5432:5432']}}}}"])


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("compose.yaml", "services: [5432\n  bad: :", "compose.yaml is not YAML."),
        ("compose.yaml", "[" * 30_000 + "5432", "compose.yaml is not YAML."),
        ("compose.yaml", f"{'[' * 50}5432{']' * 50}", "compose.yaml is nested too deep."),
        ("compose.yaml", bomb(60), None),
        ("compose.yaml", "!!python/object/apply:os.system ['exit 5432']", "compose.yaml is not a Compose file."),
        ("compose.yaml", "&a [*a, 5432]", "compose.yaml is not a Compose file."),
        ("compose.yaml", "services:\n  db: &a [*a, {", "compose.yaml is not YAML."),
        ("compose.yaml", "services: [1,2]", "compose.yaml has services that cannot be read."),
        ("compose.yaml", "services:\n", None),
        ("compose.yaml", "services: {web: {image: nginx}, other: !reset null}", None),
        ("compose.yaml", "services: {db: [1]}", None),
        ("compose.yaml", "services: {db: {image: !!python/object/apply:os.system [exit]}}", None),
        ("compose.yaml", "services: {db: {image: !!python/object/apply:os.system exit}}", None),
        (
            "compose.yaml",
            f"services: {{db: {{image: postgres, ports: ['{'${A:-' * 4_000}']}}}}",
            "compose.yaml: the service db uses a file that has too long a value.",
        ),
        (".env", "\"'`$\\" * 12_000, None),
        (".env", "A='\\\n" * 12_000, None),
        (".env", 'A="${' * 12_000, None),
        (
            ".env",
            "A0=xx\n" + "".join(f"A{n + 1}=${{A{n}}}$A{n}\n" for n in range(100)) + "DATABASE_URL=${A99}",
            ".env: DATABASE_URL uses $A99, which no file defines.",
        ),
        (
            ".env",
            "DATABASE_URL=postgres://${PGU}@h/db\nPGU=me",
            ".env: DATABASE_URL uses $PGU, which is defined below it. Move $PGU above it.",
        ),
        (".env", f"A={'x' * LARGEST_FILE}", ".env is larger than 64 KiB."),
        (".env", "DATABASE_URL=\0", ".env is not a text file."),
        ("supabase/config.toml", "[db", "supabase/config.toml is not TOML."),
        ("supabase/config.toml", "[db]\nport = true", "supabase/config.toml: db.port is not a port."),
        ("supabase/config.toml", f"a = {'[' * 20_000}", "supabase/config.toml is not TOML."),
    ],
)
def test_hostile_files_are_skipped_quickly(find: Find, name: str, text: str, problem: str | None) -> None:
    found = find({name: text})
    assert found.problems == (() if problem is None else (problem,))


def test_override_file_replaces_ports_and_a_broken_one_leaves_the_first_file(find: Find) -> None:
    base = "services: {db: {image: postgres, ports: ['55871:5432']}, gone: {image: postgres, ports: ['55872:5432']}}"
    override = "services: {db: {ports: !override ['55883:5432']}, gone: !reset null}"
    found = find({"docker-compose.yml": base, "docker-compose.override.yml": override})
    assert [one.where for one in found.databases] == ["127.0.0.1:55883/postgres"]
    found = find({"docker-compose.override.yml": "services: [oops"})
    assert [one.where for one in found.databases] == ["127.0.0.1:55871/postgres", "127.0.0.1:55872/postgres"]
    assert found.problems == ("docker-compose.override.yml is not YAML.",)


@pytest.mark.parametrize(
    ("ports", "where"),
    [
        ("6000-6002:5431-5433", "127.0.0.1:6001/postgres"),
        ("127.0.0.1:6000-6001:5432-5433", "127.0.0.1:6000/postgres"),
        ("6000-6002:5432", "publishes no fixed port"),
        ("6000-6002:5432-5433", "publishes no fixed port"),
        ("0:5432", "publishes no fixed port"),
        ("70000:5432", "publishes a port above 65535"),
    ],
)
def test_published_ports_of_compose_are_read_as_docker_reads_them(find: Find, ports: str, where: str) -> None:
    found = find({"compose.yaml": f"services: {{db: {{image: postgres, ports: ['{ports}']}}}}"})
    problems = [problem.removeprefix("compose.yaml: the service db ") for problem in found.problems]
    assert [*[one.where for one in found.databases], *problems] in ([where], [f"{where}."])


def test_first_files_by_name_are_read_and_the_number_of_the_others_is_reported(find: Find) -> None:
    files = {f".env.e{place:02}.local": f"DATABASE_URL=postgres://localhost/d{place:02}" for place in range(40)}
    found = find({".env": "A=b", **files})
    assert [one.where for one in found.databases] == [f"localhost/d{place:02}" for place in range(15)]
    assert found.problems == (
        "25 further .env files in the folder of the app. gjobs reads at most 16 in each directory.",
    )
    urls = "".join(f"  s{place}: {{image: postgres, ports: ['{6000 + place}:5432']}}\n" for place in range(20))
    further = find({"compose.yaml": f"services:\n{urls}"})
    assert len(further.databases) == 30
    assert further.problems[-1] == "5 further databases. gjobs lists at most 30."


def test_names_and_lines_that_cannot_be_used_are_reported(find: Find) -> None:
    found = find(
        {
            ".env": f"DATABASE_URL='postgres://u:{SECRET}@localhost/x\nexport DIRECT_URL=\"{SECRET}\n",
            "compose.yaml": 'services: {"a\\e[31m": {image: postgres, ports: ["6000:5432"]}, '
            'db: {image: postgres, ports: ["6001:5432"], environment: {POSTGRES_DB: "x\\ey"}}}',
            "supabase/config.toml": "[db]\nport = 'env(DB_PORT)'",
        }
    )
    assert found.databases == ()
    assert found.problems == (
        "supabase/config.toml: db.port uses an environment variable, which gjobs does not read.",
        ".env: DATABASE_URL cannot be read. A quote may be missing.",
        ".env: DIRECT_URL cannot be read. A quote may be missing.",
        "compose.yaml: the service a\x1b[31m has a name that cannot be used.",
        "compose.yaml: the service db has control characters in its user, password or database.",
    )


def test_special_files_are_skipped_with_a_reason(find: Find, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "secret").write_text(f"DATABASE_URL=postgres://u:{SECRET}@localhost/x")
    os.mkfifo(tmp_path / ".env")
    (tmp_path / ".env.local").symlink_to(outside / "secret")
    (tmp_path / ".env.loop.local").symlink_to(tmp_path / ".env.loop.local")
    (tmp_path / ".env.latin.local").write_bytes(b"DATABASE_URL=postgres://\xe9@localhost/x")
    (tmp_path / ".env.in.local").symlink_to("real.env")
    (tmp_path / "compose.yaml").mkdir()
    (tmp_path / "supabase").symlink_to(outside)
    (outside / "config.toml").write_text(SUPABASE)
    found = find({"real.env": "DATABASE_URL=postgres://u@localhost/x"})
    assert [database.profile.name for database in found.databases] == ["app:.env.in.local:DATABASE_URL"]
    assert {problem.partition(" ")[0]: problem.partition(" ")[2] for problem in found.problems} == {
        "supabase/config.toml": "is a link to a file outside the app.",
        ".env": "is not a regular file.",
        ".env.local": "is a link to a file outside the app.",
        ".env.loop.local": "cannot be read: Too many levels of symbolic links.",
        ".env.latin.local": "is not UTF-8.",
        "compose.yaml": "is not a regular file.",
    }


def test_search_never_leaves_the_repository_or_reads_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, secret = tmp_path / "home", "DATABASE_URL=postgres://localhost/x"
    deep = home.joinpath(*"abcdefghijklmnopqrs")
    repository = home / "work" / "repository"
    for directory in (deep, repository / ".git", home / "a/b"):
        directory.mkdir(parents=True, exist_ok=True)
    for directory in (tmp_path, home, home / "work", home / "a"):
        (directory / ".env").write_text(secret)
    monkeypatch.setenv("HOME", str(home))

    assert find_app_databases({}, repository).databases == ()
    (found,) = shown(find_app_databases({}, home / "work"))
    assert found == "+ app:.env:DATABASE_URL: DATABASE_URL at localhost/x from .env"
    assert find_app_databases({}, home / "a/b").folder == home / "a"
    assert len(deep.relative_to(home).parts) > MOST_LEVELS
    assert find_app_databases({}, deep).databases == ()
    assert find_app_databases({}, home).folder == home
    assert find_app_databases({}, tmp_path / "gone").databases == ()


def test_urls_are_read_as_libpq_reads_their_safe_form_or_refused() -> None:
    for url, where in (
        ("postgres://u:p@[::1]:5433,h2/db", "[::1]:5433,h2/db"),
        ("postgres://u:p@[2001:db8::1]/db", "[2001:db8::1]/db"),
        ("postgres:///db", "local/db"),
        ("postgresql+psycopg2://u@h", "h"),
        ("postgres://localhost/db?host=evil.example&hostaddr=192.0.2.1&passfile=/etc/x&service=y", "evil.example/db"),
        ("postgres://u:p%2Fw%3F@h:6432/a%20b?ssl=true", "h:6432/a b"),
    ):
        found = read_url(url, folder=Path("/app")).parameters
        assert shown_place(found, {}) == where
        assert not {"hostaddr", "passfile", "service"} & set(found)
        assert is_local(found, {}) is (url == "postgres:///db")
        assert not is_local(found, {"PGHOST": "db.example.com"})

    for url in (
        "postgres://u:p@h/d\n",
        "postgres://u:p@h/%00",
        "postgres://[h/d",
        "postgres://h:70000/d",
        f"postgres://h/{'x' * 5000}",
    ):
        with pytest.raises(Unusable, match=r"is not a database URL|cannot be read"):
            read_url(url, folder=Path("/app"))


def test_same_database_with_two_passwords_is_offered_twice(find: Find) -> None:
    found = find(
        {
            ".env": "DATABASE_URL=postgres://u:one@localhost/db\nDIRECT_URL=postgres://u@127.0.0.1:5432/db\n",
            ".env.local": "DATABASE_URL=postgres://u:two@localhost/db\n",
        }
    )
    assert [(one.profile.name, one.other_names) for one in found.databases] == [
        ("app:.env.local:DATABASE_URL", ("app:.env:DIRECT_URL",)),
        ("app:.env:DATABASE_URL", ()),
    ]


def test_found_databases_never_open_by_themselves(find: Find) -> None:
    named = find(NEXT_AND_SUPABASE).added_to(NO_CONFIGURATION, "app:supabase")
    settings = resolve(data_dir=Path("/data"), environment={}, configuration=named)
    assert (settings.is_embedded, settings.is_fallback) == (True, True)
    kept = Profile(name="app:supabase", label="mine", address="postgresql:///mine")
    configured = NO_CONFIGURATION.__class__(profiles={"app:supabase": kept})
    assert find(NEXT_AND_SUPABASE).added_to(configured, "app:supabase").profiles == {"app:supabase": kept}


@pytest.mark.parametrize(
    ("value", "password"),
    [
        ("${PW}", "a$b"),
        ("$PW", "a$b"),
        ("pa$word", "pa$word"),
        (r"pa\$PW", "pa$PW"),
        ("${NONE:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY}", ""),
        ("${OUTER}", "o"),
    ],
)
def test_variables_in_env_files_are_replaced_as_apps_do(find: Find, value: str, password: str) -> None:
    files = {".env": "OUTER=o", ".env.local": f"EMPTY=\nPW=a$b\nDATABASE_URL=postgres://u:{value}@h/db"}
    (database,) = find(files).databases
    assert database.profile.parameters.get("password", "") == password
