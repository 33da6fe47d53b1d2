"""Checks the schema against its revision, and functions and views, with SQL that repairs them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import assert_never

from sqlalchemy import text

from gjobs.store.capabilities.capabilities import OLDEST_MIGRATED
from gjobs.store.capabilities.capability import DatabaseFacts, quoted
from gjobs.store.database.database import Database
from gjobs.store.database.query import Query, Row, ignore_row, row_maker
from gjobs.store.doctor.findings import Finding, Section, Severity
from gjobs.store.doctor.node_trees import CallerColumns, parse_tree, shows_own_rows_only, sources
from gjobs.store.errors import command
from gjobs.store.schema.schema_diff import (
    CATALOGUE,
    QUALIFY,
    Difference,
    DifferenceKind,
    ObjectKind,
    SchemaObject,
    compare,
    expected,
    required,
    schema_object,
)
from gjobs.store.users.actor import Actor

_function_finding = partial(Finding, Section.RULES)
_schema_finding = partial(Finding, Section.SCHEMA)

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+")
_UPDATE = re.compile(r'\bupdate\s+(?:only\s+)?(?:"?public"?\s*\.\s*)?"?generation_jobs"?\b(?P<rest>[^;]*)')
_SETS_STATUS = re.compile(r'\bset\b.*?\bstatus"?\s*=', re.DOTALL)
_STATUS = re.compile(r"\bstatus\b")
_LOCKS = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b|\block\s+table\b|\bpg_(?:try_)?advisory")
_OWN_ID = r"(?:\(\s*select\s+)?auth\s*\.\s*uid\s*\(\s*\)(?:\s*as\s+\w+)?\s*\)?"


def is_racy(body: str) -> bool:
    """Return whether a function may overwrite a status that another transaction has just changed.

    A function is safe if it locks the row first, or if the condition of its update checks the status.
    """
    text = _plain(body)
    if _LOCKS.search(text):
        return False
    return any(_is_unguarded(found["rest"]) for found in _UPDATE.finditer(text))


def checks_caller(body: str, argument: str) -> bool:
    """Return whether the function compares this argument with the caller's id. Using the id as its default isn't
    enough.
    """
    text = _plain(body)
    if "row_security_active" in text:
        return True
    name = re.escape(argument.lower())
    before = re.compile(rf"\b{name}\b\s*(?:=|<>|!=|is\s+(?:not\s+)?distinct\s+from)\s*{_OWN_ID}")
    after = re.compile(rf"{_OWN_ID}\s*(?:=|<>|!=|is\s+(?:not\s+)?distinct\s+from)\s*\b{name}\b")
    return bool(before.search(text) or after.search(text))


_ASKS_WHO_CALLS = re.compile(
    r"\bauth\s*\.\s*(?:uid|jwt|email|role)\s*\(|request\.jwt\.claim|row_security_active|"
    r"current_setting\s*\(\s*'role'"
)


def asks_who_calls(body: str) -> bool:
    """Return whether the function reads anything about the user from the request."""
    return bool(_ASKS_WHO_CALLS.search(_plain(body)))


def falls_back_on_caller(body: str, argument: str) -> bool:
    """Return whether the function uses the caller's id only as the default for a null argument."""
    name = re.escape(argument.lower())
    return bool(re.search(rf"\bcoalesce\s*\(\s*{name}\s*,\s*{_OWN_ID}", _plain(body)))


def _is_unguarded(update: str) -> bool:
    assignments, _, condition = update.partition(" where ")
    return bool(_SETS_STATUS.search(assignments)) and not _STATUS.search(condition)


def _plain(body: str) -> str:
    return _SPACE.sub(" ", _COMMENT.sub(" ", body)).lower()


_FIXED_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFunction:
    """A function in the schema public that belongs to the app, or that reads jobs with its owner's rights."""

    name: str
    signature: str
    """As written in SQL."""
    result: str
    body: str
    runs_as_owner: bool
    passes_row_security: bool
    """Whether row level security does not apply to its owner."""
    pins_search_path: bool
    callers: tuple[str, ...]
    """The request roles that may call it."""
    user_arguments: tuple[str, ...]
    """The names of the arguments that look like a user's id, by type and name."""
    id_arguments: tuple[str, ...]
    """The names of all uuid arguments."""
    owner: str
    is_owned: bool
    """Whether the owner of the tables has the rights of the function's owner, and so may change the function."""


FUNCTIONS: Query[AppFunction] = Query(
    text("""
select p.proname::text,
       format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       pg_get_function_result(p.oid),
       coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
       p.prosecdef,
       o.rolsuper or o.rolbypassrls
           or exists (select from pg_class c
                       where c.relname in ('generation_jobs', 'projects', 'assets') and c.relnamespace = n.oid
                         and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~* ('\\m' || c.relname || '\\M')
                         and not c.relforcerowsecurity and pg_has_role(o.oid, c.relowner, 'USAGE')),
       exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%'),
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated') and has_function_privilege(r.oid, p.oid, 'EXECUTE')
              order by 1),
       array(select argument.name from unnest(p.proargnames, p.proargtypes::oid[]) as argument (name, type)
              where argument.type = 'uuid'::regtype and argument.name ilike '%user%'),
       array(select argument.name from unnest(p.proargnames, p.proargtypes::oid[]) as argument (name, type)
              where argument.type = 'uuid'::regtype and argument.name <> ''),
       o.rolname::text,
       exists (select from pg_class c
                where c.relname = 'generation_jobs' and c.relnamespace = n.oid
                  and pg_has_role(c.relowner, o.oid, 'USAGE'))
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_roles o on o.oid = p.proowner
 where n.nspname = 'public' and p.prokind = 'f'
   and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
   and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
   and (p.proname = 'transition_job_status'
        or p.prosecdef
           and coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) ~* '\\m(generation_jobs|projects|assets)\\M')
 order by 2
"""),
    row_maker(AppFunction, callers=tuple, user_arguments=tuple, id_arguments=tuple),
)


def function_findings(functions: Sequence[AppFunction]) -> Iterator[Finding]:
    for function in functions:
        faults = [_for_owner(function, fault) for fault in (_race(function), _unchecked(function)) if fault]
        yield from faults
        # A replacement of the function also sets its search_path.
        if not any(fault.sql and fault.sql == fixed_sql(function) for fault in faults):
            yield from (_for_owner(function, fault) for fault in _unpinned(function))


def _for_owner(function: AppFunction, fault: Finding) -> Finding:
    """Remove SQL that the owner of the tables may not run."""
    if fault.sql is None or function.is_owned:
        return fault
    hint = f"Only {function.owner} can change it. Ask someone who connects as that role."
    return replace(fault, sql=None, hint=f"{fault.hint} {hint}" if fault.hint else hint)


def _race(function: AppFunction) -> Finding | None:
    if function.name != "transition_job_status" or not is_racy(function.body):
        return None
    return _function_finding(
        "racy-transition",
        Severity.PROBLEM,
        f"The function {function.name} sets a status without checking the current one in the same statement."
        " Concurrent calls can all succeed, and a finished job can be changed.",
        sql=fixed_sql(function),
        hint="gjobs never calls it. gjobs checks and sets a status in one statement.",
    )


def _unchecked(function: AppFunction) -> Finding | None:
    """Report a function that returns rows of any user, because it does not check the caller."""
    if not (function.runs_as_owner and function.passes_row_security and function.callers):
        return None
    unchecked = [
        name
        for name in function.id_arguments
        if (name in function.user_arguments or falls_back_on_caller(function.body, name))
        and not checks_caller(function.body, name)
    ]
    revoke = f"REVOKE EXECUTE ON FUNCTION {function.signature} FROM PUBLIC, {', '.join(function.callers)};"
    if unchecked:
        return _function_finding(
            "unchecked-user",
            Severity.PROBLEM,
            f"The function {function.name} returns rows of any user to {' and '.join(function.callers)}. It bypasses"
            f" row level security, and does not compare {' and '.join(unchecked)} with the caller's id.",
            sql=fixed_sql(function) or revoke,
        )
    if asks_who_calls(function.body):
        return None
    return _function_finding(
        "unchecked-caller",
        Severity.PROBLEM,
        f"The function {function.name} returns rows of any user to {' and '.join(function.callers)}. It bypasses row"
        " level security, and does not check who calls it.",
        sql=revoke,
        hint="If users need this function, change it to SECURITY INVOKER, or let it compare each row's user_id with"
        " auth.uid().",
    )


def _unpinned(function: AppFunction) -> Iterator[Finding]:
    if function.runs_as_owner and not function.pins_search_path:
        yield _function_finding(
            "unpinned-search-path",
            Severity.PROBLEM if function.callers else Severity.WARNING,
            f"The function {function.name} runs with its owner's rights, but sets no search_path. A caller's"
            " temporary table can replace one of the app's tables.",
            sql=f"ALTER FUNCTION {function.signature} SET search_path = pg_catalog, public, pg_temp;",
        )


_REPLACED = {
    (
        "public.transition_job_status(p_job_id uuid, p_new_status text, p_error text)",
        "boolean",
    ): "transition_job_status",
    (
        "public.get_job_statistics(p_user_id uuid)",
        "TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)",
    ): "get_job_statistics",
}
"""Replacements by signature and result. Postgres can't replace a function that has another signature or result."""


def fixed_sql(function: AppFunction) -> str | None:
    """Return a replacement that keeps the function's grants, or None for an unknown signature."""
    name = _REPLACED.get((function.signature, function.result))
    return (_FIXED_SQL / f"{name}.sql").read_text(encoding="utf-8").strip() if name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """A view that bypasses row level security: it runs with its owner's rights, or it is a copy."""

    name: str
    """As written in SQL."""
    is_copy: bool
    """Whether it is a materialized view, which has no row level security."""
    readers: tuple[str, ...]
    """The request roles that may read it."""
    writers: tuple[str, ...]
    """The request roles that may insert or update rows through it, without a check of the new rows."""
    shows_own_rows_only: bool
    """Whether its own condition shows callers only their rows."""


# `app` has the app's relations. It also has the relations that supply their rows if they are views. Such a relation
# supplies `user_id` and two of `columns`. In pg_depend, a materialized view also depends on itself.
VIEWS: Query[AppView] = Query(
    text("""
with recursive app as (
    select t.oid, seed.columns
      from (values ('generation_jobs', '{status, mode, cost_cents}'::name[]),
                   ('projects', '{id, name}'),
                   ('assets', '{kind, mode, storage_path}')) seed (name, columns)
      join pg_class t on t.relname = seed.name
      join pg_namespace s on s.oid = t.relnamespace and s.nspname = 'public'
     union
    select source.oid, app.columns
      from app
      join pg_rewrite w on w.ev_class = app.oid
     cross join lateral (
           select a.attrelid as oid
             from pg_depend d
             join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
            group by a.attrelid
           having bool_or(a.attname = 'user_id') and count(*) filter (where a.attname = any(app.columns)) >= 2
           ) source
)
select format('%I.%I', n.nspname, v.relname), v.relkind = 'm',
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated') and has_any_column_privilege(r.oid, v.oid, 'SELECT')
              order by 1),
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated')
                and has_any_column_privilege(r.oid, v.oid, 'INSERT, UPDATE')
                and pg_relation_is_updatable(v.oid, true) & 12 > 0
                and not exists (select from pg_options_to_table(v.reloptions) where option_name = 'check_option')
              order by 1),
       (select w.ev_action::text from pg_rewrite w where w.ev_class = v.oid and w.ev_type = '1'),
       array(select format('%s %s %s', a.attname, a.attrelid, a.attnum)
               from pg_attribute a
               join app on app.oid = a.attrelid
              where a.attname in ('id', 'user_id')),
       (select p.oid::text from pg_proc p join pg_namespace s on s.oid = p.pronamespace
         where s.nspname = 'auth' and p.proname = 'uid' and p.pronargs = 0),
       v.oid in (select oid from app)
  from pg_class v
  join pg_namespace n on n.oid = v.relnamespace
  join pg_roles o on o.oid = v.relowner
 where v.relkind in ('v', 'm')
   and not exists (select from pg_options_to_table(v.reloptions)
                    where option_name = 'security_invoker' and option_value::boolean)
   and exists (select from pg_rewrite w
                 join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                                 and d.refclassid = 'pg_class'::regclass
                 join pg_class t on t.oid = d.refobjid and t.relkind in ('r', 'p', 'f', 'm')
                where w.ev_class = v.oid and (t.oid in (select oid from app) or v.oid in (select oid from app))
                  and (v.relkind = 'm' or not t.relrowsecurity or o.rolsuper or o.rolbypassrls
                       or not t.relforcerowsecurity and pg_has_role(o.oid, t.relowner, 'USAGE')))
 order by 1
"""),
    lambda row: _make_view(row),
)


def _make_view(row: Row) -> AppView:
    name, is_copy, readers, writers, tree, found, caller, is_app = row
    numbers: dict[str, dict[str, str]] = {"id": {}, "user_id": {}}
    for column, table, number in map(str.split, found):
        numbers[column][table] = number
    view = parse_tree(tree)
    shown = sources(view, "user_id") if is_app else {}
    columns = CallerColumns(owners={**shown, **numbers["user_id"]}, keys=numbers["id"], caller=caller or "")
    return AppView(
        name=name,
        is_copy=is_copy,
        readers=tuple(readers),
        writers=tuple(writers),
        shows_own_rows_only=not is_copy and shows_own_rows_only(view, columns),
    )


def view_findings(views: Sequence[AppView], facts: DatabaseFacts) -> Iterator[Finding]:
    for view in views:
        if view.shows_own_rows_only:
            yield from _unchecked_writes(view, facts)
        elif view.readers:
            why = "keeps a copy of the rows" if view.is_copy else "runs with its owner's rights"
            yield _function_finding(
                "leaking-view",
                Severity.PROBLEM,
                f"The view {view.name} {why}, so {' and '.join(view.readers)} may read the rows of all users"
                " through it.",
                sql=_fixes(view, facts),
            )


def _unchecked_writes(view: AppView, facts: DatabaseFacts) -> Iterator[Finding]:
    if view.writers:
        yield _function_finding(
            "unchecked-view",
            Severity.WARNING,
            f"The view {view.name} shows users only their own rows. It runs with its owner's rights and does not check"
            f" what is written, so {' and '.join(view.writers)} may store rows for any user.",
            sql=_fixes(view, facts),
        )


def _fixes(view: AppView, facts: DatabaseFacts) -> str:
    if view.is_copy or facts.major_version < OLDEST_MIGRATED:
        return f"REVOKE ALL ON {view.name} FROM PUBLIC, {', '.join(view.readers)};"
    return f"ALTER VIEW {view.name} SET (security_invoker = on);"


def recreate_sql(lost: SchemaObject) -> str | None:
    """Return SQL that restores an object, or None if its definition is incomplete.

    Returns None for policies, too, because the app may hide rows on purpose. The app can write while the SQL runs.
    """
    name, place, definition = quoted(lost.name), lost.place, lost.definition
    match lost.kind:
        case ObjectKind.INDEX:
            return f"CREATE INDEX CONCURRENTLY {name} ON {place} USING {definition};"
        case ObjectKind.TRIGGER:
            moment, _, action = definition.partition(" FOR EACH ROW ")
            return f"CREATE TRIGGER {name} {moment} ON {place} FOR EACH ROW {action};"
        case ObjectKind.KEY if definition.startswith("PRIMARY KEY"):
            return f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition};"
        case ObjectKind.KEY | ObjectKind.CHECK:
            return (
                f"ALTER TABLE {place} ADD CONSTRAINT {name} {definition} NOT VALID;\n"
                f"ALTER TABLE {place} VALIDATE CONSTRAINT {name};"
            )
        case ObjectKind.RELATION | ObjectKind.COLUMN | ObjectKind.ROW_SECURITY | ObjectKind.POLICY:
            return None
        case ObjectKind.FUNCTION | ObjectKind.BODY | ObjectKind.GRANT:
            return None
    assert_never(lost.kind)


MOST_NAMED = 6
TABLES = frozenset({"public.projects", "public.assets", "public.generation_jobs"})


def missing_checks(found: Sequence[SchemaObject], revision: str | None) -> list[SchemaObject]:
    """Return the missing checks of those app tables that exist."""
    there = {one.place for one in found}
    if not TABLES & there:
        return []
    promised = _comparable(expected(revision), _other_relations(found))
    missing = {one.name for one in compare(found, promised) if one.kind is DifferenceKind.MISSING}
    checks = (one for one in promised if one.kind is ObjectKind.CHECK and one.place in TABLES & there)
    return [one for one in checks if one.title in missing]


def _other_relations(found: Sequence[SchemaObject]) -> Mapping[str, str]:
    """Return the kinds of the views and foreign tables that have the name of an app's table."""
    return {
        one.full_name: one.definition
        for one in found
        if one.full_name in TABLES and one.definition not in ("table", _PARTITIONED)
    }


_PARTITIONED = "partitioned table"


def _comparable(objects: Sequence[SchemaObject], others: Mapping[str, str]) -> list[SchemaObject]:
    """Leave out what views and foreign tables can't have. Keep only the types of their columns."""
    return [
        replace(one, definition=re.split(r" not null| default ", one.definition)[0]) if one.place in others else one
        for one in objects
        if one.full_name not in others
        and (one.kind is ObjectKind.COLUMN or one.place not in others)
        and not any(f"REFERENCES {name}(" in one.definition for name in others)
    ]


def is_violated(check: SchemaObject) -> Query[bool]:
    """Return a query that checks whether any row violates a missing check constraint."""
    condition = check.definition.removeprefix("CHECK ")
    asked = f"SELECT EXISTS (SELECT FROM {check.place} WHERE NOT {condition})"  # noqa: S608 - of a revision's own text
    return Query(text(asked), lambda row: bool(row[0]))


def schema_findings(
    found: Sequence[SchemaObject], revision: str | None, *, is_managed: bool, violated: Set[str] = frozenset()
) -> Iterator[Finding]:
    """Compare a schema with a revision.

    `violated` has the titles of missing checks that rows violate: the app has removed these on purpose.
    `revision` is None if no migration has run, or if it can't be read. Raises SchemaMissing for a newer revision.
    """
    if not any(known.place in TABLES for known in found):
        yield _schema_finding(
            "no-table",
            Severity.PROBLEM,
            "None of the app's tables is here. The database is empty, or it is not the app's.",
            hint=f"{command('migrate sql')} prints the SQL that creates them.",
        )
        return
    if is_managed and revision is None:
        yield _schema_finding(
            "revision",
            Severity.NOTE,
            "Migrations have run here, but this login may not read the revision, so the schema was not compared.",
            hint=f"To compare the schema, run {command('doctor')} as the owner of the tables.",
        )
        return
    others = _other_relations(found)
    for place, kind in others.items():
        yield _schema_finding(
            "other-relation",
            Severity.NOTE,
            f"{place.removeprefix('public.')} is a {kind}. gjobs reads it, but does not write to it.",
            hint="Only its columns were checked, not its keys, indexes, constraints, triggers and policies.",
        )
    promised = _comparable(expected(revision), others)
    differences = compare(_comparable(found, others), promised)
    broken = [one for one in required(differences) if one.name not in violated]
    name = f"revision {revision}" if revision else "the app's own schema"
    if not broken:
        yield _schema_finding("matches", Severity.OK, f"All {len(promised)} objects of {name} are as expected.")
    by_title = {(one.kind, one.title): one for one in promised}
    partitioned = {one.full_name for one in found if one.definition == _PARTITIONED}
    for difference in broken:
        lost = by_title.get((difference.object, difference.name)) if difference.kind is DifferenceKind.MISSING else None
        sql = recreate_sql(lost) if lost else None
        if lost and lost.place in partitioned and sql and ("CONCURRENTLY" in sql or "PRIMARY KEY" in sql):
            sql = None  # A partitioned table refuses both.
        thing = difference.object.value.replace(" ", "-")
        sentence = difference.sentence.rstrip(".")
        yield _schema_finding(
            f"{difference.kind.value}-{thing}",
            Severity.PROBLEM,
            f"{sentence[:1].upper()}{sentence[1:]}.",
            sql=sql,
        )
    for title in sorted(violated):
        yield _schema_finding(
            "further-values",
            Severity.NOTE,
            f"The check constraint {title} is missing, and some rows have values that it would refuse.",
            hint="gjobs shows these values too, so you don't have to do anything.",
        )
    yield from _tolerated(differences)


def _tolerated(differences: Iterable[Difference]) -> Iterator[Finding]:
    rest = [difference for difference in differences if not difference.required]
    own = [one for one in rest if one.kind is DifferenceKind.EXTRA]
    others = [one for one in rest if one.kind is not DifferenceKind.EXTRA and one.object is not ObjectKind.GRANT]
    if own:
        yield _schema_finding("own-objects", Severity.OK, f"In addition, the app has {_named(own)}.")
    if others:
        yield _schema_finding("tolerated", Severity.NOTE, f"Different from expected, but tolerated: {_named(others)}.")


def _named(differences: Sequence[Difference]) -> str:
    names = [f"{one.object} {one.name}" for one in differences]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


QUALIFY_QUERY = Query(text(QUALIFY), ignore_row)
CATALOGUE_QUERY = Query(text(CATALOGUE), lambda row: schema_object(*row))
"""Read these together, in this order. Later queries in the same transaction must name schemas explicitly."""


async def read_schema(database: Database, actor: Actor) -> tuple[SchemaObject, ...]:
    """Read the schema in one read-only transaction and one round trip."""
    _, objects = await database.read_together(actor, QUALIFY_QUERY, CATALOGUE_QUERY)
    return tuple(objects)
