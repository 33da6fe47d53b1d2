"""Writes the functions on error groups from the SQL of the store: `python -m tests.migrations.error_group_file`.

The SQL is copied because a released migration must not change with the store.
"""

from gjobs.migrations.scripts import MIGRATIONS
from gjobs.store.error_groups.error_group import MOST_READ
from gjobs.store.error_groups.error_group_sql import fingerprint_sql, group_id_sql
from gjobs.store.jobs.job import TRACEBACK

FILE = MIGRATIONS / "sql" / "error_group.sql"


def function_sql() -> str:
    head, end = f"left(p_error, {MOST_READ})", f"right(p_error, {MOST_READ})"
    return f"""\
-- The id of the group of failed jobs with this error. The expression comes from
-- store/error_groups/error_group_sql.py, see tests/migrations/error_group_file.py. Views call this function, so it
-- never fails: an error that it cannot group counts as an empty one. It sets its plan mode itself, because its caller
-- gjobs.fold_events forces custom plans. Planning this expression for each error would take longer than grouping it.
create function gjobs.error_group(p_error text)
    returns text language plpgsql stable security invoker
    set search_path = '' set plan_cache_mode = force_generic_plan as $$
begin
    return (
select {group_id_sql("found.fingerprint")} from (
select {fingerprint_sql("p_error").strip()} as fingerprint offset 0) found);
exception when others then
    return left(encode(sha256(''), 'hex'), 10);
end $$;

-- A hash of the parts of an error that determine its group. The body is parsed when the function is created, so the
-- search path has no effect. Queries include the body instead of calling the function.
create function gjobs.error_hash(p_error text)
    returns uuid language sql immutable parallel safe security invoker
return md5(
case when p_error is null then ''
     when octet_length(p_error) <= {MOST_READ} then p_error
     when strpos({head}, '{TRACEBACK}') > 0 then {head} || {end}
     else {head} end)::uuid;
"""  # noqa: S608 - of constants


if __name__ == "__main__":
    FILE.write_text(function_sql(), encoding="utf-8")
