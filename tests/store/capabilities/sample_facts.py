"""Facts of a database with every capability, and changes that remove some."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from gjobs.store.capabilities.capability import (
    ASSETS,
    JOB_SUMMARY,
    JOBS,
    LEASES,
    PROJECTS,
    REVISIONS,
    USERS,
    DatabaseFacts,
    PolicyFacts,
    Privileges,
    Relation,
    RelationKind,
    TableColumn,
    Transport,
)
from gjobs.store.users.actor import ActingUser

USER = ActingUser(id=UUID(int=1))

COLUMNS = {
    JOBS: "id user_id project_id status mode input_asset_id error cost_cents created_at updated_at"
    " retry_count completed_at",
    PROJECTS: "id user_id name created_at updated_at",
    ASSETS: "id user_id project_id kind mode mime_type width height storage_path created_at",
    USERS: "id email created_at",
    REVISIONS: "version_num",
    LEASES: "job_id owner attempt acquired_at expires_at note",
    JOB_SUMMARY: "user_id project_id status job_count total_cost_cents avg_cost_cents first_job_at last_job_at",
}


def all_of(name: str) -> Relation:
    columns = frozenset(COLUMNS[name].split())
    privileges = Privileges(schema=True, select=columns, insert=columns, update=columns, delete=True)
    return Relation(
        kind=RelationKind.TABLE,
        columns=columns,
        login=privileges,
        users=privileges,
        is_owned=True,
        row_security=False,
        has_policy=True,
    )


EXPECTED_COLUMNS = tuple(
    TableColumn(name, kind, may_be_null=name in ("input_asset_id", "error"))
    for kind, names in {
        "uuid": "id user_id project_id input_asset_id",
        "text": "status mode error",
        "integer": "cost_cents",
        "timestamp with time zone": "created_at updated_at",
    }.items()
    for name in names.split()
)
FACTS = DatabaseFacts(
    transport=Transport(is_encrypted=True, is_local=False, reported_pid=7),
    server_pid=7,
    version_number=170_004,
    is_replica=False,
    is_read_only=False,
    login='o"ps',
    is_superuser=False,
    has_bypass=True,
    has_users_role=True,
    may_become_user=True,
    has_uid=True,
    users_may_use_auth=True,
    owner_may_grant_auth=True,
    may_create_in_public=True,
    may_create_schemas=True,
    job_columns=EXPECTED_COLUMNS,
    job_indexes=frozenset(),
    relations={name: all_of(name) for name in COLUMNS if name != REVISIONS},
    policies=PolicyFacts(claims=frozenset({"sub"}), shows_users_their_own=True),
)


def with_relation(name: str, relation: Relation | None) -> DatabaseFacts:
    relations = {**FACTS.relations, name: relation}
    return replace(FACTS, relations={name: one for name, one in relations.items() if one is not None})


def altered(name: str, **changes: Any) -> DatabaseFacts:
    return with_relation(name, replace(all_of(name), **changes))


def without_login(name: str, **privileges: Any) -> DatabaseFacts:
    return altered(name, login=replace(all_of(name).login, **privileges))
