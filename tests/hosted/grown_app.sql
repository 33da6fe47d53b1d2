-- A later version of the app in a project of 2026: its own grants, statuses and columns that gjobs does not know, policies on
-- claims, and more functions that run as their owner. Run as the owner.
grant select, insert, update, delete on public.projects, public.assets, public.generation_jobs to authenticated, service_role;
grant select on public.generation_job_summary to authenticated, service_role;
grant execute on function public.get_job_statistics(uuid), public.get_recent_jobs(integer),
    public.transition_job_status(uuid, text, text) to authenticated, service_role;

alter table public.generation_jobs drop constraint generation_jobs_status_check;
alter table public.generation_jobs add constraint generation_jobs_status_check
    check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'paused'));
alter table public.generation_jobs
    add column org text,
    add column priority smallint not null default 0,
    add column tags text[] not null default '{}',
    add column metadata jsonb not null default '{}';

create policy "Members can view jobs of their organization" on public.generation_jobs for select to authenticated
    using (org = auth.jwt() -> 'app_metadata' ->> 'org');
create policy "Anonymous users see nothing" on public.generation_jobs as restrictive for select to authenticated
    using ((auth.jwt() ->> 'is_anonymous')::boolean is not true);
create policy "Jobs of an organization need a second factor" on public.generation_jobs as restrictive for delete to authenticated
    using (org is null or auth.jwt() ->> 'aal' = 'aal2');

create function public.get_derived_assets(p_asset_id uuid) returns table (id uuid, storage_path text)
    language sql security definer set search_path = '' as
    'select a.id, a.storage_path from public.assets a where a.source_asset_id = p_asset_id';
create function public.cancel_job(p_job_id uuid) returns boolean
    language plpgsql security definer set search_path = '' as $$
begin
    update public.generation_jobs set status = 'cancelled' where id = p_job_id and user_id = auth.uid() and status = 'queued';
    return found;
end $$;
grant execute on function public.get_derived_assets(uuid), public.cancel_job(uuid) to authenticated, service_role;
