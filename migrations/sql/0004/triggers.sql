-- What a statement changed, as deltas, and a word to who listens. With their owner's rights, for those who write the jobs may not
-- write here. One for each statement: of many rows it appends the sums. One row, which is the usual, goes the short way, without
-- calls to other functions.

-- A dashboard that listens holds a shared lock. To commit a notification costs every writer, so without one none is sent: where the
-- lock is to be had alone, nobody has it. Seldom does another writer, at the same test, pass for one.

-- Nobody notifies where it would make the app's transaction fail: a prepared one may not, nor any one while the queue is full.
create or replace function gjobs.may_notify()
    returns boolean language plpgsql volatile security invoker set search_path = '' as $$
begin
    return current_setting('max_prepared_transactions')::integer = 0 and pg_notification_queue_usage() < 0.5;
end $$;

-- A word to who listens: an id of what changed, or nothing where that is several. Those who notify commit one after the other, each
-- waiting for the disk, so one of several within a tenth of a second does: a listener waits for longer than that before it looks.
create or replace function gjobs.tell_listeners(p_job_id text)
    returns void language plpgsql volatile security definer set search_path = '' as $$
declare
    now_at constant bigint := extract(epoch from clock_timestamp()) * 1000;
begin
    if abs(now_at - (select last_value from gjobs.told_at)) > 100 and gjobs.may_notify() then
        perform setval('gjobs.told_at', now_at);
        perform pg_notify('gjobs_jobs', p_job_id);
    end if;
end $$;

create or replace function gjobs.count_inserted()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    seen     constant bigint := (select count(*) from (select from new_rows limit 2) n);
    appended bigint;
begin
    if seen = 1 then
        insert into gjobs.job_deltas
        select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date, 1, coalesce(cost_cents, 0) from new_rows;
    elsif seen = 2 then
        insert into gjobs.job_deltas
        select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date as day, count(*), coalesce(sum(cost_cents), 0)
          from new_rows group by user_id, project_id, status, mode, day;
    else
        return null;
    end if;
    get diagnostics appended = row_count;
    if appended > hashint8((extract(epoch from clock_timestamp()) * 1000000)::bigint) & 2047 then
        perform gjobs.fold_deltas(appended);
    end if;
    if not (case when pg_try_advisory_lock(1735353442, 1) then pg_advisory_unlock(1735353442, 1) else false end) then
        perform gjobs.tell_listeners(case seen when 1 then (select id::text from new_rows) else '' end);
    end if;
    return null;
end $$;

create or replace function gjobs.count_deleted()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    seen     constant bigint := (select count(*) from (select from old_rows limit 2) o);
    appended bigint;
begin
    if seen = 1 then
        insert into gjobs.job_deltas
        select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date, -1, -coalesce(cost_cents, 0)::bigint
          from old_rows;
    elsif seen = 2 then
        insert into gjobs.job_deltas
        select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date as day, -count(*), -coalesce(sum(cost_cents), 0)
          from old_rows group by user_id, project_id, status, mode, day;
    else
        return null;
    end if;
    get diagnostics appended = row_count;
    if appended > hashint8((extract(epoch from clock_timestamp()) * 1000000)::bigint) & 2047 then
        perform gjobs.fold_deltas(appended);
    end if;
    if not (case when pg_try_advisory_lock(1735353442, 1) then pg_advisory_unlock(1735353442, 1) else false end) then
        perform gjobs.tell_listeners(case seen when 1 then (select id::text from old_rows) else '' end);
    end if;
    return null;
end $$;

-- What changes no number, as an error's text, appends nothing; who listens is told all the same.
create or replace function gjobs.count_updated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    seen     constant bigint := (select count(*) from (select from new_rows limit 2) n);
    appended bigint;
begin
    if seen = 1 then
        insert into gjobs.job_deltas
        select change.*
          from old_rows o
         cross join new_rows n
         cross join lateral (values
                   (o.user_id, o.project_id, o.status, o.mode, (o.created_at at time zone 'UTC')::date, -1,
                    -coalesce(o.cost_cents, 0)::bigint),
                   (n.user_id, n.project_id, n.status, n.mode, (n.created_at at time zone 'UTC')::date, 1,
                    coalesce(n.cost_cents, 0)::bigint)
               ) change
         where (o.user_id, o.project_id, o.status, o.mode, o.created_at, o.cost_cents)
               is distinct from (n.user_id, n.project_id, n.status, n.mode, n.created_at, n.cost_cents);
    elsif seen = 2 then
        insert into gjobs.job_deltas
        select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date as day, sum(change), sum(change * cost_cents)
          from (
              select user_id, project_id, status, mode, created_at, 1 as change, coalesce(cost_cents, 0)::bigint as cost_cents from new_rows
              union all
              select user_id, project_id, status, mode, created_at, -1, coalesce(cost_cents, 0) from old_rows
          ) both_rows
         group by user_id, project_id, status, mode, day having sum(change) <> 0 or sum(change * cost_cents) <> 0;
    else
        return null;
    end if;
    get diagnostics appended = row_count;
    if appended > hashint8((extract(epoch from clock_timestamp()) * 1000000)::bigint) & 2047 then
        perform gjobs.fold_deltas(appended);
    end if;
    if not (case when pg_try_advisory_lock(1735353442, 1) then pg_advisory_unlock(1735353442, 1) else false end) then
        perform gjobs.tell_listeners(case seen when 1 then (select id::text from new_rows) else '' end);
    end if;
    return null;
end $$;

-- Nobody else writes jobs, or folds, while they are truncated. A snapshot of the whole transaction may be older than the last of
-- those who did, so there the rows go in the same way as the jobs.
create or replace function gjobs.count_truncated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.job_deltas;
        delete from gjobs.job_totals;
        delete from gjobs.job_days;
    else
        truncate gjobs.job_deltas, gjobs.job_totals, gjobs.job_days;
    end if;
    if not (case when pg_try_advisory_lock(1735353442, 1) then pg_advisory_unlock(1735353442, 1) else false end) then
        perform gjobs.tell_listeners('');
    end if;
    return null;
end $$;

revoke all on function gjobs.count_inserted(), gjobs.count_deleted(), gjobs.count_updated(), gjobs.count_truncated(),
                       gjobs.may_notify(), gjobs.tell_listeners(text) from public;

-- Those who write the jobs wait from here to the commit, and so no job is written that is neither counted below nor has its delta.
create or replace trigger gjobs_count_inserted after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.count_inserted();
create or replace trigger gjobs_count_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.count_deleted();
create or replace trigger gjobs_count_updated after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.count_updated();
create or replace trigger gjobs_count_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.count_truncated();

alter table public.generation_jobs
    enable always trigger gjobs_count_inserted,
    enable always trigger gjobs_count_deleted,
    enable always trigger gjobs_count_updated,
    enable always trigger gjobs_count_truncated;
