-- Functions of the schema public that change the status of jobs, or that read the app's tables with their owner's rights.
--
-- A function is racy if it sets a status in a statement that does not check the status, and locks nothing. A function checks
-- its caller if it compares the caller's id with each argument that is the id of a user, by type and name. It is not enough
-- to use the caller's id as the argument's default.
--
-- With the collation "C", the lower case of I is i in a Turkish database too. Without `materialized`, Postgres would remove
-- the comments of each body several times.
with functions as materialized (
    select p.oid, p.proname as name, p.prosecdef as runs_as_owner, o.rolname as owner, p.proargnames, p.proargtypes,
           format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as signature,
           lower(regexp_replace(regexp_replace(body, '--[^\n]*|/\*([^*]|\*+[^*/])*\*+/', ' ', 'g'), '\s+', ' ', 'g')
                 collate "C") collate "default" as body,
           o.rolsuper or o.rolbypassrls
               or exists (select from pg_class c
                           where c.relname in ('generation_jobs', 'projects', 'assets') and c.relnamespace = n.oid
                             and body ~* ('\m' || c.relname || '\M')
                             and not c.relforcerowsecurity and pg_has_role(o.oid, c.relowner, 'USAGE')) as passes_row_security,
           exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%') as pins_search_path,
           array(select r.rolname::text from pg_roles r
                  where r.rolname in ('anon', 'authenticated') and has_function_privilege(r.oid, p.oid, 'EXECUTE')
                  order by 1) as callers,
           exists (select from pg_class c
                    where c.relname = 'generation_jobs' and c.relnamespace = n.oid
                      and pg_has_role(c.relowner, o.oid, 'USAGE')) as is_owned
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace
      join pg_roles o on o.oid = p.proowner
     cross join lateral (select coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)) source (body)
     where n.nspname = 'public' and p.prokind = 'f'
       and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
       and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
       and (p.proname = 'transition_job_status' or p.prosecdef and body ~* '\m(generation_jobs|projects|assets)\M')
), judged as materialized (
    -- Postgres can't replace a function that has another signature or result.
    select *, case when signature = 'public.transition_job_status(p_job_id uuid, p_new_status text, p_error text)'
                        and pg_get_function_result(oid) = 'boolean'
                   then cast(:transition_job_status as text)
                   when signature = 'public.get_job_statistics(p_user_id uuid)'
                        and pg_get_function_result(oid)
                            = 'TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)'
                   then cast(:get_job_statistics as text) end as replacement,
           format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, %s;', signature, array_to_string(callers, ', ')) as revoke,
           array_to_string(callers, ' and ') as roles,
           body !~ '\yfor\s+(no\s+key\s+)?update\y|\ylock\s+table\y|\ypg_(try_)?advisory' and exists (
               select from regexp_matches(
                      body, '\yupdate\s+(only\s+)?("?public"?\s*\.\s*)?"?generation_jobs"?\y([^;]*)', 'g') as updates (found)
                where split_part(found[3], ' where ', 1) ~ '\yset\y.*\ystatus"?\s*='
                  and substr(found[3], length(split_part(found[3], ' where ', 1)) + 1) !~ '\ystatus\y') as is_racy,
           runs_as_owner and passes_row_security and callers <> '{}' as shows_all,
           array_to_string(array(
               select argument.name
                 from unnest(proargnames, proargtypes::oid[]) as argument (name, type),
                      regexp_replace(lower(argument.name collate "C") collate "default", '(\W)', '\\\1', 'g') as pattern,
                      cast('(\(\s*select\s+)?auth\s*\.\s*uid\s*\(\s*\)(\s*as\s+\w+)?\s*\)?' as text) as own_id,
                      cast('\s*(=|<>|!=|is\s+(not\s+)?distinct\s+from)\s*' as text) as compared
                where argument.type = 'uuid'::regtype and argument.name <> ''
                  and (argument.name ilike '%user%' or body ~ ('\ycoalesce\s*\(\s*' || pattern || '\s*,\s*' || own_id))
                  and body !~ ('row_security_active|\y' || pattern || '\y' || compared || own_id
                               || '|' || own_id || compared || '\y' || pattern || '\y')), ' and ') as unchecked,
           body ~ ('\yauth\s*\.\s*(uid|jwt|email|role)\s*\(|request\.jwt\.claim|row_security_active|'
                   'current_setting\s*\(\s*''role''') as asks_who_calls
      from functions
)
select name, severity, finding, sentence, case when is_owned then fix end,
       case when fix is null or is_owned then hint
            else concat_ws(' ', hint, format('Only %s can change it. Ask someone who connects as that role.', owner)) end
  from judged
 cross join lateral (
    select 1, 'problem', 'racy-transition',
           format('The function %s sets a status without checking the current one in the same statement. Concurrent calls can'
                  ' all succeed, and a finished job can be changed.', name),
           replacement, 'gjobs never calls it. gjobs checks and sets a status in one statement.'
     where name = 'transition_job_status' and is_racy
     union all
    select 2, 'problem', 'unchecked-user',
           format('The function %s returns rows of any user to %s. It bypasses row level security, and does not compare %s with'
                  ' the caller''s id.', name, roles, unchecked),
           coalesce(replacement, revoke), null
     where shows_all and unchecked <> ''
     union all
    select 2, 'problem', 'unchecked-caller',
           format('The function %s returns rows of any user to %s. It bypasses row level security, and does not check who calls'
                  ' it.', name, roles),
           revoke, 'If users need this function, change it to SECURITY INVOKER, or let it compare each row''s user_id with'
                   ' auth.uid().'
     where shows_all and unchecked = '' and not asks_who_calls
     union all
    -- A replacement of the function also sets its search_path.
    select 3, case when callers = '{}' then 'warning' else 'problem' end, 'unpinned-search-path',
           format('The function %s runs with its owner''s rights, but sets no search_path. A caller''s temporary table can'
                  ' replace one of the app''s tables.', name),
           format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp;', signature), null
     where runs_as_owner and not pins_search_path
       and not (is_owned and replacement is not null
                and (name = 'transition_job_status' and is_racy or shows_all and unchecked <> ''))
 ) found (place, severity, finding, sentence, fix, hint)
 order by signature, place
