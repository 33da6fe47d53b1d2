-- Readers of jobs may read the archive as row level security shows them the jobs: all, or their own. If the app also shows users other
-- jobs, they still see only their own archived jobs. If it restricts what they see, they see none. The owner of a project sees its
-- retention policy; only the operator sets it.
create policy own_rows on gjobs.archived_jobs for select
    using ((select auth.uid()) = user_id and (select gjobs.sees_own_jobs()));
create policy of_own_projects on gjobs.retention_policies for select
    using (project_id is null or gjobs.owns_project(project_id));

do $$
declare
    reader text;
begin
    foreach reader in array array['public', 'anon', 'authenticated', 'service_role'] loop
        continue when reader <> 'public' and to_regrole(reader) is null;
        execute format('revoke all on gjobs.archived_jobs, gjobs.retention_policies from %s', reader);
    end loop;
    for reader in
        select distinct case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.privilege_type = 'SELECT' and granted.grantee <> c.relowner
    loop
        execute format('grant usage on schema gjobs to %s', reader);
        execute format('grant select on gjobs.archived_jobs, gjobs.retention_policies to %s', reader);
    end loop;
end $$;

grant execute on function
    gjobs.further_columns(), gjobs.written_further(), gjobs.archive_jobs(uuid[]), gjobs.restore_jobs(uuid[])
 to public;
