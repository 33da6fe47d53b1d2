-- Moves deltas into totals and days, as gjobs.fold_deltas does and under the same lock. First it finds groups of kept errors, for at most a
-- quarter of a second, because it runs within an app's write. Deltas with a kept error stay.
create or replace function gjobs.fold_waste(p_appended bigint)
    returns void language plpgsql volatile security definer set search_path = '' set enable_nestloop = on as $$
declare
    deadline constant timestamptz := clock_timestamp() + interval '0.25 seconds';
    folded gjobs.waste_deltas[];
begin
    if not pg_try_advisory_xact_lock(1735353442, 2) then
        return;
    end if;
    update gjobs.job_folding set folded_at = clock_timestamp() where true;
    with kept as materialized (
        select k.place, case when clock_timestamp() < deadline then gjobs.error_group(k.error) end as its_group
          from (select ctid as place, error from gjobs.waste_deltas where error is not null limit 5000) k
    )
    update gjobs.waste_deltas d set error_group = k.its_group, error = null from kept k where d.ctid = k.place and k.its_group is not null;

    with gone as (
        delete from gjobs.waste_deltas
         where ctid = any (array(select ctid from gjobs.waste_deltas where error is null limit greatest(2 * p_appended, 5000)))
        returning *
    ), summed as (
        select user_id, project_id, mode, day, error_group, sum(job_count)::bigint, sum(cost_cents)::bigint, null::text as error
          from gone group by user_id, project_id, mode, day, error_group
    )
    select array_agg(s::gjobs.waste_deltas) into folded from summed s;

    merge into gjobs.waste_totals t
    using (
        select user_id, project_id, mode, error_group, sum(job_count)::bigint as job_count, sum(cost_cents)::bigint as cost_cents
          from unnest(folded) group by user_id, project_id, mode, error_group having sum(job_count) <> 0 or sum(cost_cents) <> 0
    ) d
       on (t.project_id, t.error_group, t.user_id, t.mode) = (d.project_id, d.error_group, d.user_id, d.mode)
     when matched and t.job_count + d.job_count = 0 and t.cost_cents + d.cost_cents = 0 then
          delete
     when matched then
          update set job_count = t.job_count + d.job_count, cost_cents = t.cost_cents + d.cost_cents
     when not matched then
          insert values (d.user_id, d.project_id, d.mode, d.error_group, d.job_count, d.cost_cents);

    merge into gjobs.waste_days t
    using (
        select user_id, project_id, day, error_group <> '' as has_failed, sum(job_count)::bigint as job_count,
               sum(cost_cents)::bigint as cost_cents
          from unnest(folded) group by user_id, project_id, day, has_failed having sum(job_count) <> 0 or sum(cost_cents) <> 0
    ) d
       on (t.project_id, t.day, t.user_id, t.has_failed) = (d.project_id, d.day, d.user_id, d.has_failed)
     when matched and t.job_count + d.job_count = 0 and t.cost_cents + d.cost_cents = 0 then
          delete
     when matched then
          update set job_count = t.job_count + d.job_count, cost_cents = t.cost_cents + d.cost_cents
     when not matched then
          insert values (d.user_id, d.project_id, d.day, d.has_failed, d.job_count, d.cost_cents);
exception
    when serialization_failure then
        -- The row in job_folding is newer than the snapshot. Other folded rows may be newer, too.
        return;
end $$;

revoke all on function gjobs.fold_waste(bigint) from public;
