-- As gjobs.count_inserted, for updated jobs. A change that affects no count or cost, such as an error's text, adds no delta but notifies
-- listeners.
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

revoke all on function gjobs.count_updated() from public;
