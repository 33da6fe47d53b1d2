-- Archived jobs with all their values, and the retention policies.

-- Columns that an app may leave null in its jobs are not required here.
create table gjobs.archived_jobs (
    id             uuid        primary key,
    user_id        uuid,
    project_id     uuid,
    status         text,
    mode           text,
    input_asset_id uuid,
    error          text,
    cost_cents     integer,
    created_at     timestamptz,
    updated_at     timestamptz,
    retry_count    integer,
    completed_at   timestamptz,
    archived_at    timestamptz not null default now(),
    further        jsonb       not null default '{}'
);
create index archived_jobs_newest on gjobs.archived_jobs (created_at desc, id desc);
create index archived_jobs_project_id on gjobs.archived_jobs (project_id, created_at desc, id desc);
create index archived_jobs_user_id on gjobs.archived_jobs (user_id, created_at desc, id desc);

-- One for each project, and one for all projects without their own.
create table gjobs.retention_policies (
    id         uuid        primary key default gen_random_uuid(),
    project_id uuid        unique nulls not distinct,
    statuses   text[]      not null default '{succeeded,failed}'
               check (cardinality(statuses) > 0 and statuses <@ array['queued', 'running', 'succeeded', 'failed']),
    older_than interval    not null check (older_than > interval '0'),
    action     text        not null check (action in ('archive', 'delete')),
    created_at timestamptz not null default now(),
    applied_at timestamptz
);

alter table gjobs.archived_jobs enable row level security;
alter table gjobs.retention_policies enable row level security;

comment on column gjobs.archived_jobs.input_asset_id is 'not a foreign key: if the asset is gone, the job is restored without it';
comment on column gjobs.archived_jobs.further is 'the values of the app''s own columns as text, by column name';
comment on column gjobs.retention_policies.applied_at is 'when somebody last started to apply it; null: never';
