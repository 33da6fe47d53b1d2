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
    archived_at    timestamptz not null default clock_timestamp(),
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

comment on column gjobs.archived_jobs.input_asset_id is 'not a foreign key: if the asset is gone, the job is restored without it';
comment on column gjobs.archived_jobs.further is 'the values of the app''s own columns as text, by column name';
comment on column gjobs.retention_policies.applied_at is 'when somebody last started to apply it; null: never';

-- Readers see the archived jobs as row level security shows them the jobs: all, or their own. If the app also shows users other jobs, they
-- still see only their own archived jobs. If it restricts what they see, they see none.
create view gjobs.visible_archive with (security_barrier = on) as
    select a.* from gjobs.archived_jobs a
     where case when (select gjobs.visible_jobs()) = 'all' then true
                when (select gjobs.visible_jobs()) in ('own', 'more') then a.user_id = (select auth.uid())
                else false end;

-- The owner of a project sees its retention policy, and that of all projects. Only the operator sets them.
create view gjobs.visible_retention with (security_barrier = on) as
    select r.* from gjobs.retention_policies r
     where case (select gjobs.visible_jobs())
               when 'all' then true
               when 'none' then false
               else r.project_id is null or gjobs.owns_project(r.project_id)
           end;

-- The columns that the app added to its jobs, with SQL expressions to write and read them. The column `written` is an expression for the
-- value of row j as text, or null. The column `read` is an expression for the value in the archived row `a`. A column that is newer than
-- the archived job has its default.
create view gjobs.further_columns as
    select attname::text as name,
           format('case when j.%1$I is distinct from null then format(''%%s'', j.%1$I) end', attname) as written,
           format('case when a.further ? %1$L then (a.further ->> %1$L)::%2$s else %3$s end', attname,
                  format_type(atttypid, atttypmod),
                  case when attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence('public.generation_jobs', attname))
                       else coalesce(pg_get_expr(adbin, adrelid), 'null') end) as read
      from pg_attribute
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where attrelid = to_regclass('public.generation_jobs') and attnum > 0 and not attisdropped and attgenerated = ''
       and attname not in ('id', 'user_id', 'project_id', 'status', 'mode', 'input_asset_id', 'error', 'cost_cents', 'created_at',
                           'updated_at')
     order by attnum;

-- Stores a job that is deleted in order to be archived, and removes it from the archive when the same job is inserted again. Marks the
-- event. It runs with its owner's rights, so that every role that may delete a job may archive it without other grants. An archived job with
-- the same id is replaced. A different job with the id of an archived one, which anybody may insert, leaves that one untouched. The event of
-- a restored job keeps the values of dropped columns.
create function gjobs.move_archived()
    returns trigger language plpgsql volatile security definer set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set bytea_output = 'hex' set lc_monetary = 'C' as $$
declare
    -- An expression for all further columns of row j in one value.
    further constant text := (
        select format('jsonb_object(array[%s]::text[], array[%s]::text[])',
                      string_agg(quote_literal(name), ', '), string_agg(written, ', '))
          from gjobs.further_columns
    );
begin
    if tg_op = 'DELETE' then
        execute format($insert$
            insert into gjobs.archived_jobs
                   (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, further)
            select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at, %s
              from old_rows j
             where (j.user_id is null or exists (select from auth.users u where u.id = j.user_id))
               and (j.project_id is null or exists (select from public.projects p where p.id = j.project_id))
                on conflict (id) do update
               set (user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, archived_at, further) =
                   (excluded.user_id, excluded.project_id, excluded.status, excluded.mode, excluded.input_asset_id, excluded.error,
                    excluded.cost_cents, excluded.created_at, excluded.updated_at, excluded.archived_at, excluded.further)
        $insert$, further);
        update gjobs.job_event_log e set kind = 'archived'
          from old_rows o
         where e.transaction_id = pg_current_xact_id() and e.job_id = o.id and e.kind = 'deleted';
        return null;
    end if;
    execute format($take$
        with restored as (
            delete from gjobs.archived_jobs a
             using new_rows j
             cross join lateral (select %s as further) now_further
             where j.id = a.id
               and (j.user_id, j.project_id, j.status, j.mode, j.error, j.cost_cents, j.created_at, j.updated_at)
                   is not distinct from
                   (a.user_id, a.project_id, a.status, a.mode, a.error, a.cost_cents, a.created_at, a.updated_at)
               and j.input_asset_id is not distinct from (select s.id from public.assets s where s.id = a.input_asset_id)
               and not exists (select from jsonb_each(a.further) f
                                where now_further.further ? f.key and now_further.further -> f.key is distinct from f.value)
            returning a.id, (select 'Without dropped columns: ' || jsonb_object_agg(f.key, f.value)::text
                               from jsonb_each(a.further) f
                              where f.value <> 'null' and not now_further.further ? f.key) as note
        )
        update gjobs.job_event_log e set kind = 'restored', note = r.note
          from restored r
         where e.transaction_id = pg_current_xact_id() and e.job_id = r.id and e.kind = 'created'
    $take$, further);
    return null;
end $$;

-- Archives jobs and returns those that existed. Row level security decides which the caller may archive.
create function gjobs.archive_jobs(p_job_ids uuid[])
    returns setof uuid language plpgsql volatile security invoker as $$
declare
    began_at constant timestamptz := clock_timestamp();
    moved    uuid[];
begin
    perform pg_catalog.set_config('gjobs.archiving', 'on', true);
    with gone as (delete from public.generation_jobs j where j.id = any (p_job_ids) returning j.id)
    select pg_catalog.array_agg(id) into moved from gone;
    perform pg_catalog.set_config('gjobs.archiving', 'off', true);
    if (select count(*) from gjobs.visible_archive a where a.id = any (moved) and a.archived_at >= began_at)
       < pg_catalog.cardinality(moved) then
        raise exception using
            message = 'the archive did not take every job',
            hint = 'Its trigger on the jobs is disabled, or its rows are not yours to see.';
    end if;
    return query select pg_catalog.unnest(moved);
end $$;

-- Restores jobs with all their values and returns those that were archived. Values of columns that the app has dropped since are kept in
-- the events, see gjobs.move_archived.
create function gjobs.restore_jobs(p_job_ids uuid[])
    returns setof uuid language plpgsql volatile security invoker set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set lc_monetary = 'C' as $$
declare
    lost      record;
    moved     uuid[];
    statement constant text := pg_catalog.format($insert$
        with restored as (
            insert into public.generation_jobs
                   (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at%s)
                   overriding system value
            select a.id, a.user_id, a.project_id, a.status, a.mode, (select s.id from public.assets s where s.id = a.input_asset_id),
                   a.error, a.cost_cents, a.created_at, a.updated_at%s
              from gjobs.visible_archive a where a.id = any ($1)
            returning id
        )
        select pg_catalog.array_agg(id) from restored
    $insert$, (select pg_catalog.string_agg(pg_catalog.format(', %I', name), '') from gjobs.further_columns),
              (select pg_catalog.string_agg(', ' || read, '') from gjobs.further_columns));
begin
    perform pg_catalog.set_config('gjobs.restoring', 'on', true);
    execute statement into moved using p_job_ids;
    perform pg_catalog.set_config('gjobs.restoring', 'off', true);
    select a.id into lost from gjobs.visible_archive a where a.id = any (moved) limit 1;
    if found then
        raise exception using
            message = pg_catalog.format('the job %s did not come back as it was', lost.id),
            hint = 'Try again. If it stays so, a trigger of the app changes new jobs: ask its owner.';
    end if;
    return query select pg_catalog.unnest(moved);
end $$;
