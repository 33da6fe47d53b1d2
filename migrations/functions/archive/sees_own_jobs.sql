-- Whether row level security shows the caller all of their own jobs, and possibly other jobs. It is false if the app restricts what users
-- see, or if the caller may not read every column of the jobs.
create or replace function gjobs.sees_own_jobs()
    returns boolean language plpgsql stable security invoker set search_path = '' as $$
begin
    if not has_table_privilege('public.generation_jobs', 'select') then
        return false;
    end if;
    return not row_security_active('public.generation_jobs')
        or coalesce((
               select bool_and(p.polpermissive)
                      and bool_or(pg_get_expr(p.polqual, p.polrelid) in (
                              '(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
                              '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))', 'true'
                          ))
                 from pg_policy p
                where p.polrelid = 'public.generation_jobs'::regclass and p.polcmd in ('r', '*')
                  and exists (select from unnest(p.polroles) as role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage'))
           ), false);
end $$;

grant execute on function gjobs.sees_own_jobs() to public;
