-- How jobs are put away and come back: by functions that run with their caller's rights, so that row level security decides who may.

-- The columns that the app has added to its jobs, as parts of statements: a value of the row j as text, as its type's own output
-- function writes it, null where it is null; and the value of the archived row a as its type reads it. A column that came after the
-- job was put away has its default.
create function gjobs.further_columns()
    returns table (name text, written text, read text) language sql stable security invoker set search_path = '' as $$
    select attname::text,
           format('case when j.%1$I is distinct from null then format(''%%s'', j.%1$I) end', attname),
           format('case when a.further ? %1$L then (a.further ->> %1$L)::%2$s else %3$s end', attname,
                  format_type(atttypid, atttypmod),
                  case when attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence('public.generation_jobs', attname))
                       else coalesce(pg_get_expr(adbin, adrelid), 'null') end)
      from pg_attribute
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where attrelid = 'public.generation_jobs'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
       and attname not in ('id', 'user_id', 'project_id', 'status', 'mode', 'input_asset_id', 'error', 'cost_cents', 'created_at',
                           'updated_at', 'retry_count', 'completed_at')
     order by attnum
$$;

-- Of the row j, all of them in one value.
create function gjobs.written_further()
    returns text language sql stable security invoker set search_path = '' as $$
    select format('jsonb_object(array[%s]::text[], array[%s]::text[])',
                  string_agg(quote_literal(name), ', '), string_agg(written, ', '))
      from gjobs.further_columns()
$$;

-- A job that is deleted to be put away is kept whole, and its event says so. With its owner's rights, for nobody else writes the
-- archive: what is put away is what was deleted, by whoever may delete it. A job that lies there under the same id came back by
-- another way than ours, and so this one is the later.
create function gjobs.store_archived()
    returns trigger language plpgsql volatile security definer set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set bytea_output = 'hex' set lc_monetary = 'C' as $$
begin
    execute format($insert$
        insert into gjobs.archived_jobs
               (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                completed_at, further)
        select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
               j.retry_count, j.completed_at, %s
          from old_rows j
         where (j.user_id is null or exists (select from auth.users u where u.id = j.user_id))
           and (j.project_id is null or exists (select from public.projects p where p.id = j.project_id))
            on conflict (id) do update
           set (user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                completed_at, archived_at, further) =
               (excluded.user_id, excluded.project_id, excluded.status, excluded.mode, excluded.input_asset_id, excluded.error,
                excluded.cost_cents, excluded.created_at, excluded.updated_at, excluded.retry_count, excluded.completed_at,
                excluded.archived_at, excluded.further)
    $insert$, gjobs.written_further());
    update gjobs.job_event_log e set kind = 'archived'
      from old_rows o
     where e.transaction_id = pg_current_xact_id() and e.job_id = o.id and e.kind = 'deleted';
    return null;
end $$;

-- Puts these jobs away, and answers with those that were there.
create function gjobs.archive_jobs(p_job_ids uuid[])
    returns setof uuid language plpgsql volatile security invoker set search_path = '' as $$
declare
    moved uuid[];
begin
    perform set_config('gjobs.archiving', 'on', true);
    with gone as (delete from public.generation_jobs j where j.id = any (p_job_ids) returning j.id)
    select array_agg(id) into moved from gone;
    perform set_config('gjobs.archiving', 'off', true);
    if (select count(*) from gjobs.archived_jobs a where a.id = any (moved) and a.archived_at = now()) < cardinality(moved) then
        raise exception using
            message = 'the archive did not take every job',
            hint = 'Its trigger on the jobs is disabled, or its rows are not yours to see.';
    end if;
    return query select unnest(moved);
end $$;

-- A job that is there again as it was put away is archived no more, and its event says so. Any other of the same id, which anybody may
-- make, leaves the archived one where it is.
create function gjobs.take_restored()
    returns trigger language plpgsql volatile security definer set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set bytea_output = 'hex' set lc_monetary = 'C' as $$
begin
    execute format($take$
        with restored as (
            delete from gjobs.archived_jobs a
             using new_rows j
             cross join lateral (select %s as further) now_further
             where j.id = a.id
               and (j.user_id, j.project_id, j.status, j.mode, j.error, j.cost_cents, j.created_at, j.updated_at, j.retry_count,
                    j.completed_at)
                   is not distinct from
                   (a.user_id, a.project_id, a.status, a.mode, a.error, a.cost_cents, a.created_at, a.updated_at, a.retry_count,
                    a.completed_at)
               and j.input_asset_id is not distinct from (select s.id from public.assets s where s.id = a.input_asset_id)
               and not exists (select from jsonb_each(a.further) f
                                where now_further.further ? f.key and now_further.further -> f.key is distinct from f.value)
            returning a.id
        )
        update gjobs.job_event_log e set kind = 'restored'
          from restored r
         where e.transaction_id = pg_current_xact_id() and e.job_id = r.id and e.kind = 'created'
    $take$, gjobs.written_further());
    return null;
end $$;

-- Brings these jobs back, each with all that it held, and answers with those that were put away.
create function gjobs.restore_jobs(p_job_ids uuid[])
    returns setof uuid language plpgsql volatile security invoker set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set lc_monetary = 'C' as $$
declare
    lost  record;
    moved uuid[];
begin
    select a.id, f.key into lost
      from gjobs.archived_jobs a
     cross join lateral jsonb_each(a.further) f
     where a.id = any (p_job_ids) and f.value <> 'null' and f.key not in (select name from gjobs.further_columns())
     limit 1;
    if found then
        raise exception using
            message = format('the job %s held something in the column %s, which is gone', lost.id, lost.key),
            hint = format('Add it again, and drop it afterwards: ALTER TABLE public.generation_jobs ADD COLUMN %I text;', lost.key);
    end if;
    perform set_config('gjobs.restoring', 'on', true);
    execute format($insert$
        with restored as (
            insert into public.generation_jobs
                   (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                    completed_at%s)
                   overriding system value
            select a.id, a.user_id, a.project_id, a.status, a.mode, (select s.id from public.assets s where s.id = a.input_asset_id),
                   a.error, a.cost_cents, a.created_at, a.updated_at, a.retry_count, a.completed_at%s
              from gjobs.archived_jobs a where a.id = any ($1)
            returning id
        )
        select array_agg(id) from restored
    $insert$, (select string_agg(format(', %I', name), '') from gjobs.further_columns()),
              (select string_agg(', ' || read, '') from gjobs.further_columns())) into moved using p_job_ids;
    perform set_config('gjobs.restoring', 'off', true);
    select a.id into lost from gjobs.archived_jobs a where a.id = any (moved) limit 1;
    if found then
        raise exception using
            message = format('the job %s did not come back as it was', lost.id),
            hint = 'A trigger of the database''s own changes new jobs: ask its owner.';
    end if;
    return query select unnest(moved);
end $$;

revoke all on function gjobs.store_archived(), gjobs.take_restored() from public;
grant execute on function
    gjobs.further_columns(), gjobs.written_further(), gjobs.archive_jobs(uuid[]), gjobs.restore_jobs(uuid[])
 to public;

-- After those which write the events: the server goes by the names. Whoever sets what they stand on moves no more than these do.
create trigger gjobs_store_archived after delete on public.generation_jobs
    referencing old table as old_rows
    for each statement when (current_setting('gjobs.archiving', true) = 'on') execute function gjobs.store_archived();
create trigger gjobs_take_restored after insert on public.generation_jobs
    referencing new table as new_rows
    for each statement when (current_setting('gjobs.restoring', true) = 'on') execute function gjobs.take_restored();
alter table public.generation_jobs
    enable always trigger gjobs_store_archived,
    enable always trigger gjobs_take_restored;
