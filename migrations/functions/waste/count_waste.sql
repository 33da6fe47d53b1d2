-- Appends deltas for the failed jobs and retries that a statement changed. It runs with its owner's rights, because those who write jobs
-- may not write here. Comparisons with null are not true, so a job without a status has not failed.
-- The group of each distinct error is computed once. Grouping a malicious error can take a thousand times longer than a write, so grouping
-- stops after a second. The other errors are kept with their deltas, and gjobs.fold_waste finds their groups. Until then, waste by group
-- is not read from the rollups. To end this soon, one in eight calls folds deltas. The group of an error longer than 8,000 characters
-- depends only on its first and last 4,000.
-- An insertion has no old rows, and a deletion has no new ones. The unqualified name old_rows or new_rows then refers to an empty view in
-- gjobs. Columns whose types an app may have changed are cast to the types of these views.
-- The planner cannot know how many errors are distinct.
create or replace function gjobs.count_waste()
    returns trigger language plpgsql volatile security definer set search_path = gjobs, pg_temp set enable_nestloop = off as $$
declare
    deadline constant timestamptz := clock_timestamp() + interval '1 second';
    appended bigint;
    chance integer;
    folds boolean;
begin
    if not exists (select from new_rows where status = 'failed' or retry_count > 0)
       and not exists (select from old_rows where status = 'failed' or retry_count > 0) then
        return null;
    end if;
    -- Changes that cancel each other out are dropped, and need no group.
    with changes as materialized (
        select user_id, project_id, mode, day,
               case when length(whole) > 8000 then left(whole, 4000) || right(whole, 4000) else whole end as its_error,
               sum(change) as jobs, sum(change * cents) as cents
          from (
              select user_id, project_id, mode::text, (created_at at time zone 'UTC')::date as day,
                     case when status = 'failed' then coalesce(error::text, '') end as whole,
                     coalesce(cost_cents, 0)::bigint as cents, 1 as change
                from new_rows where status = 'failed' or retry_count > 0
              union all
              select user_id, project_id, mode::text, (created_at at time zone 'UTC')::date,
                     case when status = 'failed' then coalesce(error::text, '') end, coalesce(cost_cents, 0)::bigint, -1
                from old_rows where status = 'failed' or retry_count > 0
          ) both_rows
         group by user_id, project_id, mode, day, its_error
        having sum(change) <> 0 or sum(change * cents) <> 0
    ), errors as materialized (
        select e.its_error, case when clock_timestamp() < deadline then gjobs.error_group(e.its_error) else 'later' end as its_group
          from (select distinct its_error from changes where its_error is not null) e
    )
    insert into gjobs.waste_deltas (user_id, project_id, mode, day, error_group, job_count, cost_cents, error)
    select c.user_id, c.project_id, c.mode, c.day, coalesce(e.its_group, '') as its_group, sum(c.jobs), sum(c.cents),
           case when e.its_group = 'later' then e.its_error end as kept_error
      from changes c
      left join errors e on e.its_error = c.its_error
     group by c.user_id, c.project_id, c.mode, c.day, e.its_group, kept_error
    having sum(c.jobs) <> 0 or sum(c.cents) <> 0;
    get diagnostics appended = row_count;
    chance := hashint8((extract(epoch from clock_timestamp()) * 1000000)::bigint);
    folds := appended > chance & 2047;
    if not folds and chance & 7 = 0 then
        folds := exists (select from gjobs.waste_deltas where error_group = 'later');
    end if;
    if folds then
        perform gjobs.fold_waste(appended);
    end if;
    return null;
end $$;

revoke all on function gjobs.count_waste() from public;
