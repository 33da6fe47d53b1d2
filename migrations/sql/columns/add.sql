-- The specification's columns `retry_count` and `completed_at`, and its view. `gjobs migrate remove` drops only those that the app did not
-- have already. The retries and the completion times of existing jobs are unknown.
insert into gjobs.replaced (object, restore)
select 'column public.generation_jobs.' || name, format('alter table public.generation_jobs drop column if exists %I', name)
  from unnest(array['retry_count', 'completed_at']) as name
 where not exists (select from pg_attribute
                    where attrelid = 'public.generation_jobs'::regclass and attname = name and not attisdropped);

set local client_min_messages = warning;
alter table public.generation_jobs
    add column if not exists retry_count integer default 0,
    add column if not exists completed_at timestamptz;

-- A job inserted as ended gets the present time as completed_at. A job with an earlier creation time, such as a restored one, ended
-- earlier.
create trigger gjobs_complete_new before insert on public.generation_jobs
    for each row when (new.status in ('succeeded', 'failed') and new.completed_at is null and new.created_at = now())
    execute function gjobs.complete_job();
create trigger gjobs_complete before update on public.generation_jobs
    for each row when (old.status is distinct from new.status) execute function gjobs.complete_job();
alter table public.generation_jobs
    enable always trigger gjobs_complete_new,
    enable always trigger gjobs_complete;

-- If the app has its own view, that one stays.
do $$
declare
    reader text;
begin
    if to_regclass('public.stuck_jobs') is not null then
        return;
    end if;
    insert into gjobs.replaced (object, restore) values ('view public.stuck_jobs', 'drop view if exists public.stuck_jobs');
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
