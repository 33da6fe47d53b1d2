-- The specification's columns `retry_count` and `completed_at`, and its view of stuck jobs. They belong to the app, also those that
-- `gjobs migrate columns` adds. The retries and the completion times of existing jobs are unknown: to fill them in would change the
-- updated_at of each job.
set local client_min_messages = warning;
alter table public.generation_jobs
    add column if not exists retry_count integer default 0,
    add column if not exists completed_at timestamptz;

-- If the app has its own view, that one stays.
do $$
declare
    reader text;
begin
    if to_regclass('public.stuck_jobs') is not null then
        return;
    end if;
    create view public.stuck_jobs with (security_invoker = on) as
        select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count, completed_at
          from public.generation_jobs
         where status = 'running' and updated_at < now() - interval '30 minutes';
    foreach reader in array array['public', 'anon', 'authenticated', 'service_role'] loop
        continue when reader <> 'public' and to_regrole(reader) is null;
        execute format('revoke all on public.stuck_jobs from %s', reader);
    end loop;
    for reader in
        select distinct case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.privilege_type = 'SELECT' and granted.grantee <> c.relowner
    loop
        execute format('grant select on public.stuck_jobs to %s', reader);
    end loop;
end $$;
