"""Views of the app's tables: whose row level security applies to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from store.capabilities import OLDEST_MIGRATED, Facts
from store.database import Query
from store.doctor.model import Finding, Section, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """One that reads a table of the app's past row level security: with its owner's rights, or as a copy of rows."""

    name: str
    """As it stands within SQL."""
    is_copy: bool
    """A materialized view, which has no row level security at all."""
    readers: tuple[str, ...]
    """Of the roles of requests, those that may read it."""


VIEWS: Query[AppView] = Query(
    text("""
select format('%I.%I', n.nspname, v.relname), v.relkind = 'm',
       array(select r.rolname::text from pg_roles r
              where r.rolname in ('anon', 'authenticated') and has_any_column_privilege(r.oid, v.oid, 'SELECT')
              order by 1)
  from pg_class v
  join pg_namespace n on n.oid = v.relnamespace
  join pg_roles o on o.oid = v.relowner
 where v.relkind in ('v', 'm')
   and not exists (select from pg_options_to_table(v.reloptions)
                    where option_name = 'security_invoker' and option_value::boolean)
   and exists (select from pg_rewrite w
                 join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
                                 and d.refclassid = 'pg_class'::regclass
                 join pg_class t on t.oid = d.refobjid
                 join pg_namespace s on s.oid = t.relnamespace
                where w.ev_class = v.oid and s.nspname = 'public'
                  and t.relname in ('generation_jobs', 'projects', 'assets') and t.relkind in ('r', 'p')
                  and (v.relkind = 'm' or o.rolsuper or o.rolbypassrls
                       or not t.relforcerowsecurity and pg_has_role(o.oid, t.relowner, 'USAGE')))
 order by 1
"""),
    lambda row: AppView(name=row[0], is_copy=row[1], readers=tuple(row[2])),
)


def view_findings(views: Sequence[AppView], facts: Facts) -> Iterator[Finding]:
    for view in views:
        if not view.readers:
            continue
        why = "keeps a copy of the rows" if view.is_copy else "runs with its owner's rights"
        yield Finding(
            section=Section.RULES,
            name="leaking-view",
            severity=Severity.PROBLEM,
            sentence=f"The view {view.name} {why}: {' and '.join(view.readers)} may read what is in it of every user.",
            sql=_mended(view, facts),
        )


def _mended(view: AppView, facts: Facts) -> str:
    if view.is_copy or facts.major_version < OLDEST_MIGRATED:
        return f"REVOKE ALL ON {view.name} FROM PUBLIC, {', '.join(view.readers)};"
    return f"ALTER VIEW {view.name} SET (security_invoker = on);"
