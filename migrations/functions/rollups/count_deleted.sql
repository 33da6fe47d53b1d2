-- As gjobs.count_inserted, for deleted jobs.
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

revoke all on function gjobs.count_deleted() from public;
