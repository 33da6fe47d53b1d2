-- The app's own schema, name for name, with the faults of its functions and its view. The next revision fixes them.
do $$
declare
    present constant text := (
        select string_agg(c.relname, ', ' order by c.relname)
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'public'
           and c.relname in ('projects', 'assets', 'generation_jobs', 'generation_job_summary')
    );
begin
    if present is not null then
        raise object_not_in_prerequisite_state using
            message = format('This database holds tables of the app already (%s), which gjobs would make.', present),
            hint = 'Run ''gjobs migrate verify'' to see how they differ from its own.';
    end if;
end $$;

create function public.update_updated_at_column() returns trigger language plpgsql as $$
begin new.updated_at := now(); return new; end $$;

create table public.projects (
    id         uuid primary key default gen_random_uuid(),
    user_id    uuid not null references auth.users (id) on delete cascade,
    name       text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index idx_projects_user_id on public.projects (user_id);
create index idx_projects_created_at on public.projects (created_at desc);

create table public.assets (
    id              uuid primary key default gen_random_uuid(),
    user_id         uuid not null references auth.users (id) on delete cascade,
    project_id      uuid not null references public.projects (id) on delete cascade,
    kind            text not null check (kind in ('input', 'output')),
    mode            text not null check (mode in ('main_white', 'lifestyle', 'feature_callout', 'packaging')),
    source_asset_id uuid references public.assets (id) on delete set null,
    prompt_version  text not null,
    prompt_payload  jsonb not null,
    width           integer,
    height          integer,
    mime_type       text,
    storage_path    text not null,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now()
);
create index idx_assets_user_id on public.assets (user_id);
create index idx_assets_project_id on public.assets (project_id);
create index idx_assets_source_asset_id on public.assets (source_asset_id);
create index idx_assets_kind on public.assets (kind);
create index idx_assets_mode on public.assets (mode);
create index idx_assets_created_at on public.assets (created_at desc);
create index idx_assets_prompt_payload on public.assets using gin (prompt_payload);

create table public.generation_jobs (
    id             uuid primary key default gen_random_uuid(),
    user_id        uuid not null references auth.users (id) on delete cascade,
    project_id     uuid not null references public.projects (id) on delete cascade,
    status         text not null default 'queued' check (status in ('queued', 'running', 'succeeded', 'failed')),
    mode           text not null,
    input_asset_id uuid references public.assets (id) on delete set null,
    error          text,
    cost_cents     integer not null default 0,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now()
);
create index idx_generation_jobs_user_id on public.generation_jobs (user_id);
create index idx_generation_jobs_project_id on public.generation_jobs (project_id);
create index idx_generation_jobs_status on public.generation_jobs (status);
create index idx_generation_jobs_input_asset_id on public.generation_jobs (input_asset_id);
create index idx_generation_jobs_created_at on public.generation_jobs (created_at desc);
create index idx_generation_jobs_user_status on public.generation_jobs (user_id, status);

create trigger update_projects_updated_at before update on public.projects
    for each row execute function public.update_updated_at_column();
create trigger update_assets_updated_at before update on public.assets
    for each row execute function public.update_updated_at_column();
create trigger update_generation_jobs_updated_at before update on public.generation_jobs
    for each row execute function public.update_updated_at_column();

alter table public.projects enable row level security;
alter table public.assets enable row level security;
alter table public.generation_jobs enable row level security;

create policy "Users can view own projects" on public.projects
    for select using (auth.uid() = user_id);
create policy "Users can insert own projects" on public.projects
    for insert with check (auth.uid() = user_id);
create policy "Users can update own projects" on public.projects
    for update using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Users can delete own projects" on public.projects
    for delete using (auth.uid() = user_id);

create policy "Users can view own assets" on public.assets
    for select using (auth.uid() = user_id);
create policy "Users can insert own assets" on public.assets
    for insert with check (auth.uid() = user_id);
create policy "Users can update own assets" on public.assets
    for update using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Users can delete own assets" on public.assets
    for delete using (auth.uid() = user_id);

create policy "Users can view own generation jobs" on public.generation_jobs
    for select using (auth.uid() = user_id);
create policy "Users can insert own generation jobs" on public.generation_jobs
    for insert with check (auth.uid() = user_id);
create policy "Users can update own generation jobs" on public.generation_jobs
    for update using (auth.uid() = user_id) with check (auth.uid() = user_id);
create policy "Users can delete own generation jobs" on public.generation_jobs
    for delete using (auth.uid() = user_id);

create function public.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql security definer as $$
begin
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from generation_jobs j where j.user_id = coalesce(p_user_id, auth.uid())
         group by j.status order by j.status;
end $$;

create function public.get_recent_jobs(p_limit integer default 10)
    returns table (id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamptz)
    language plpgsql security definer as $$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from generation_jobs j where j.user_id = auth.uid() order by j.created_at desc limit p_limit;
end $$;

create function public.transition_job_status(p_job_id uuid, p_new_status text, p_error text default null)
    returns boolean language plpgsql security definer as $$
declare present text;
begin
    select j.status into present from generation_jobs j where j.id = p_job_id and j.user_id = auth.uid();
    if present is null or present in ('succeeded', 'failed') then
        return false;
    end if;
    update generation_jobs j set status = p_new_status, error = p_error, updated_at = now()
     where j.id = p_job_id and j.user_id = auth.uid();
    return true;
end $$;

create view public.generation_job_summary as
    select user_id, project_id, status, count(*) as job_count, sum(cost_cents) as total_cost_cents,
           avg(cost_cents) as avg_cost_cents, min(created_at) as first_job_at, max(created_at) as last_job_at
      from public.generation_jobs group by user_id, project_id, status;

alter table gjobs.alembic_version enable row level security;
