-- Whether row level security shows the caller either all jobs or their own, so that the rollups can answer. It is false if the app has
-- other policies, or if the caller may not read every column of the jobs. Then the jobs themselves are counted.
create or replace function gjobs.rollups_agree()
    returns boolean language plpgsql stable security invoker set search_path = '' as $$
begin
    if not has_table_privilege('public.generation_jobs', 'select') then
        return false;
    end if;
    return not row_security_active('public.generation_jobs')
        or coalesce((
               select bool_or(p.polpermissive)
                      and bool_and(pg_get_expr(p.polqual, p.polrelid) in (
                              '(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
                              '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))'
                          ))
                 from pg_policy p
                where p.polrelid = 'public.generation_jobs'::regclass and p.polcmd in ('r', '*')
                  and exists (select from unnest(p.polroles) as role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage'))
           ), false);
end $$;
