-- Appends what a statement changed about failed jobs and retries as deltas. It runs with its owner's rights, because those who write jobs
-- may not write here. Comparisons with null are not true, so a job without a status has not failed.
-- The group of each distinct error is computed once. A hostile error takes a thousand times longer than a write, so groups are computed for
-- at most a second. The other errors are kept with their deltas, and gjobs.fold_waste finds their groups. Of a longer error, the group
-- depends only on the first and the last 4,000 characters.
-- The planner cannot know how many errors are distinct.
create or replace function gjobs.count_waste()
    returns trigger language plpgsql volatile security definer set search_path = '' set enable_nestloop = off as $$
declare
    deadline constant timestamptz := clock_timestamp() + interval '1 second';
    wasted   boolean := false;
    appended bigint;
begin
    if tg_op <> 'DELETE' then
        wasted := exists (select from new_rows where status = 'failed' or retry_count > 0);
    end if;
    if tg_op <> 'INSERT' and not wasted then
        wasted := exists (select from old_rows where status = 'failed' or retry_count > 0);
    end if;
    if not wasted then
        return null;
    end if;
    -- Each operation has other transition tables, so the statement is dynamic. What stays the same adds up to nothing, and needs no group.
    execute format(
        $query$
        with changes as materialized (
            select user_id, project_id, mode, (created_at at time zone 'UTC')::date as day,
                   case when status = 'failed' then
                       case when length(error) > 8000 then left(error, 4000) || right(error, 4000) else coalesce(error, '') end
                   end as its_error, sum(change) as jobs, sum(change * coalesce(cost_cents, 0)::bigint) as cents
              from (%s) changed_rows
             where status = 'failed' or retry_count > 0
             group by user_id, project_id, mode, day, its_error
            having sum(change) <> 0 or sum(change * coalesce(cost_cents, 0)::bigint) <> 0
        ), errors as materialized (
            select e.its_error, case when clock_timestamp() < $1 then gjobs.error_group(e.its_error) else 'later' end as its_group
              from (select distinct its_error from changes where its_error is not null) e
        )
        insert into gjobs.waste_deltas (user_id, project_id, mode, day, error_group, job_count, cost_cents, error)
        select c.user_id, c.project_id, c.mode, c.day, coalesce(e.its_group, '') as its_group, sum(c.jobs), sum(c.cents),
               case when e.its_group = 'later' then e.its_error end as kept_error
          from changes c
          left join errors e on e.its_error = c.its_error
         group by c.user_id, c.project_id, c.mode, c.day, e.its_group, kept_error
        having sum(c.jobs) <> 0 or sum(c.cents) <> 0
        $query$,
        case tg_op
            when 'INSERT' then 'select *, 1 as change from new_rows'
            when 'DELETE' then 'select *, -1 as change from old_rows'
            else 'select *, 1 as change from new_rows union all select *, -1 from old_rows'
        end
    ) using deadline;
    get diagnostics appended = row_count;
    if appended > hashint8((extract(epoch from clock_timestamp()) * 1000000)::bigint) & 2047 then
        perform gjobs.fold_waste(appended);
    end if;
    return null;
end $$;

revoke all on function gjobs.count_waste() from public;
