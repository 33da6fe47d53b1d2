"""Operator, ActingUser, Anon, how an actor is named, and the claims of an actor's requests."""

import json
import re
import time
from collections.abc import Mapping, Set
from dataclasses import field
from typing import Any, assert_never
from uuid import UUID, uuid5

from gjobs.store.values.data_classes import dataclass

ROLE_OF_USERS, ROLE_OF_ANON = "authenticated", "anon"


@dataclass(frozen=True, slots=True)
class Operator:
    """The database role as connected. On a hosted database, it bypasses row level security and sees all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingUser:
    """A signed-in user of the app: role `authenticated` with the user's claims, under row level security."""

    id: UUID
    email: str | None = None
    aal: int = 1
    """The assurance level of the sign-in: 2 after a second factor."""


@dataclass(frozen=True, slots=True)
class Anon:
    """A visitor who has not signed in: role `anon` without a user id, under row level security."""


Actor = Operator | ActingUser | Anon

OPERATOR = Operator()
ANON = Anon()


def actor_name(actor: Actor) -> str:
    match actor:
        case Operator():
            return "the operator"
        case ActingUser(id=user_id, email=email):
            return email or str(user_id)
        case Anon():
            return ROLE_OF_ANON
    assert_never(actor)


def role_of(actor: Actor) -> str | None:
    """Return the app's request role that the actor's statements run as. None for the role as connected."""
    match actor:
        case Operator():
            return None
        case ActingUser():
            return ROLE_OF_USERS
        case Anon():
            return ROLE_OF_ANON
    assert_never(actor)


_CLAIMS = {
    "aud": ("aud", '"authenticated"'),
    "role": ("role", '"authenticated"'),
    "email": ("email", '""'),
    "phone": ("phone", '""'),
    "app_metadata": ("raw_app_meta_data", "{}"),
    "user_metadata": ("raw_user_meta_data", "{}"),
    "is_anonymous": ("is_anonymous", "false"),
}
"""The claims that the auth server reads from a column of `auth.users`, and what it sends if the column is null."""
COLUMNS = {claim: column for claim, (column, _) in _CLAIMS.items()}

MADE_UP = frozenset({"amr", "session_id"})
"""gjobs makes these claims up, because there is no real sign-in."""
OF_PUBLIC_KEY = frozenset({"iss", "ref", "iat", "exp"})
"""The claims of the app's public key, which visitors use. gjobs does not know the key."""
OF_TOKEN = frozenset({"iss", "aud", "iat", "exp"})
"""The issuer, the audience and the times of a token. gjobs sends them as the auth server does at a sign-in."""
SENT = tuple(dict.fromkeys(("sub", *COLUMNS, "aal", *sorted(OF_TOKEN | MADE_UP))))
ALWAYS_KNOWN = frozenset({"sub", "role", "aal"}) | OF_TOKEN
"""The claims that acting as a user sets."""
FIXED = ("sub", "role", "aal")
"""A profile can't set these claims, because they decide whom to act as."""
AAL_LEVELS = (1, 2)

TOKEN_SECONDS = 3600
"""How long the auth server's tokens are valid by default."""
_LOCAL_ISSUER = "http://127.0.0.1:54321/auth/v1"
_DIRECT_HOST, _POOLER_HOST = re.compile(r"db\.(\w+)\.supabase\.co"), re.compile(r".*\.pooler\.supabase\.com")
_POOLER_USER = re.compile(r"\w+\.(\w+)")

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
"""How Postgres parses the parts of a custom setting's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSources:
    """The sources of claims on one database."""

    columns: frozenset[str] = frozenset()
    """The columns of `auth.users` that the login may read."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Claims from the profile, for every user. They override those that are read."""
    issuer: str = _LOCAL_ISSUER


def issuer_of(conninfo: Mapping[str, str | int]) -> str:
    """Return the auth server of the hosted project in the address. Otherwise, return that of local development.

    A project with its own domain has another issuer.
    """
    host, user = str(conninfo.get("host", "")), str(conninfo.get("user", ""))
    project = _DIRECT_HOST.fullmatch(host) or (_POOLER_USER.fullmatch(user) if _POOLER_HOST.fullmatch(host) else None)
    return f"https://{project[1]}.supabase.co/auth/v1" if project else _LOCAL_ISSUER


def known_claims(columns: Set[str], given: Set[str]) -> frozenset[str]:
    """Return the claims whose values equal the app's. Those in MADE_UP do not."""
    return ALWAYS_KNOWN | given | _read_from(columns).keys()


def _read_from(columns: Set[str]) -> dict[str, str]:
    """Return the columns by claim. A row is found by its id."""
    return {claim: column for claim, column in COLUMNS.items() if {"id", column} <= columns}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestIdentity:
    """The identity that an actor's statements run as. `sql` sets it for one transaction."""

    role: str
    user_id: UUID | None
    sql: str
    values: tuple[str, ...]


def identity_of(actor: Actor, sources: ClaimSources) -> RequestIdentity | None:
    """Return the identity, or None for the role as connected."""
    match actor:
        case ActingUser():
            return _identity_of_user(actor, sources)
        case Anon():
            # The app's public key is a token without a user.
            sql = _settings_sql("cast(%s as jsonb)", ["sub", "role", "email"], ROLE_OF_ANON)
            return RequestIdentity(
                role=ROLE_OF_ANON, user_id=None, sql=sql, values=(json.dumps({"role": ROLE_OF_ANON}),)
            )
        case _:
            return None


def _identity_of_user(user: ActingUser, sources: ClaimSources) -> RequestIdentity:
    read = _read_from(sources.columns)
    values = [json.dumps(_claims_without_reading(user, sources.issuer))]
    expression = "cast(%s as jsonb)"
    if read:
        # The auth server treats an empty text as no value, too.
        pairs = ", ".join(
            f"'{claim}', coalesce(nullif(to_jsonb(u.{column}), '\"\"'), '{_CLAIMS[claim][1]}')"
            for claim, column in read.items()
        )
        # The names are our own, and every value is a parameter.
        row = f"select jsonb_build_object({pairs}) from auth.users u where u.id = cast(%s as uuid)"  # noqa: S608
        expression += f" || coalesce(({row}), '{{}}')"
        values.append(str(user.id))
    if sources.given:
        expression += " || cast(%s as jsonb)"
        values.append(json.dumps(dict(sources.given)))
    names = [*SENT, *(name for name in sources.given if name not in SENT and _SETTING_NAME.fullmatch(name))]
    sql = _settings_sql(expression, names, ROLE_OF_USERS)
    return RequestIdentity(role=ROLE_OF_USERS, user_id=user.id, sql=sql, values=tuple(values))


def _claims_without_reading(user: ActingUser, issuer: str) -> dict[str, Any]:
    now = int(time.time())
    methods = ["password", "totp"][: user.aal]
    return {
        "iss": issuer,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "sub": str(user.id),
        "role": ROLE_OF_USERS,
        "aud": ROLE_OF_USERS,
        **({} if user.email is None else {"email": user.email}),
        "aal": f"aal{user.aal}",
        "amr": [{"method": method, "timestamp": now} for method in reversed(methods)],
        "session_id": str(uuid5(user.id, "gjobs")),
    }


def _settings_sql(expression: str, names: list[str], role: str) -> str:
    """Return a statement for one transaction: JSON claims, a legacy setting for each claim, and last the role.

    A missing claim gives an empty legacy setting, as after an earlier request.
    """
    legacy = " || ".join(f"set_config('request.jwt.claim.{name}', claims ->> '{name}', true)" for name in names)
    return (
        # Only names are inserted: each is ours, or was checked as a setting's name.
        f"WITH signed_in AS MATERIALIZED (SELECT {expression} AS claims)"  # noqa: S608
        # Return only the length, because it is short. Without `length`, the server would send all settings back.
        f" SELECT length(set_config('request.jwt.claims', claims::text, true) ||"
        f" set_config('request.jwt.claim', '', true) || {legacy}),"
        f" set_config('role', '{role}', true) FROM signed_in"
    )
