-- Appends deltas for the rows that a statement inserted, and notifies listeners. It runs with its owner's rights, because those who write
-- jobs may not write here. A single row, the usual case, takes a short path without calls to other functions.
-- A dashboard holds a shared advisory lock while it listens. If the lock is free, nobody listens; no notification is sent, because each one
-- delays every writer's commit.
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

revoke all on function gjobs.count_inserted() from public;
