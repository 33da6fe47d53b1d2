-- The app's own tables, name for name.
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

create function public.update_updated_at_column() returns trigger language plpgsql set search_path = '' as $$
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

alter table gjobs.alembic_version enable row level security;
