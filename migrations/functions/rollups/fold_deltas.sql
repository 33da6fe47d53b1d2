-- Moves deltas into totals and days. Triggers call it about once per 2,000 deltas, and after most statements that append many. It folds
-- up to 5,000 deltas, or twice the appended number if that is more, so the backlog shrinks. It does not wait: if another session holds the
-- lock, that session folds. Only the holder of the lock changes folded rows. It also does nothing if the transaction's snapshot is older
-- than the last fold.
create or replace function gjobs.fold_deltas(p_appended bigint)
    returns void language plpgsql volatile security definer set search_path = '' as $$
declare
    folded gjobs.job_deltas[];
begin
    if not pg_try_advisory_xact_lock(1735353442, 2) then
        return;
    end if;
    update gjobs.job_folding set folded_at = clock_timestamp() where true;
    with gone as (
        delete from gjobs.job_deltas
         where ctid = any (array(select ctid from gjobs.job_deltas limit greatest(2 * p_appended, 5000)))
        returning *
    ), summed as (
        select user_id, project_id, status, mode, day, sum(job_count)::bigint, sum(cost_cents)::bigint
          from gone group by user_id, project_id, status, mode, day
    )
    select array_agg(s::gjobs.job_deltas) into folded from summed s;

    merge into gjobs.job_totals t
    using (
        select user_id, project_id, status, mode, sum(job_count)::bigint as job_count, sum(cost_cents)::bigint as cost_cents
          from unnest(folded) group by user_id, project_id, status, mode having sum(job_count) <> 0 or sum(cost_cents) <> 0
    ) d
       on (t.project_id, t.status, t.user_id, t.mode) = (d.project_id, d.status, d.user_id, d.mode)
     when matched and t.job_count + d.job_count = 0 and t.cost_cents + d.cost_cents = 0 then
          delete
     when matched then
          update set job_count = t.job_count + d.job_count, cost_cents = t.cost_cents + d.cost_cents
     when not matched then
          insert values (d.user_id, d.project_id, d.status, d.mode, d.job_count, d.cost_cents);

    merge into gjobs.job_days t
    using (
        select user_id, project_id, day, sum(job_count)::bigint as job_count, sum(cost_cents)::bigint as cost_cents
          from unnest(folded) group by user_id, project_id, day having sum(job_count) <> 0 or sum(cost_cents) <> 0
    ) d
       on (t.project_id, t.day, t.user_id) = (d.project_id, d.day, d.user_id)
     when matched and t.job_count + d.job_count = 0 and t.cost_cents + d.cost_cents = 0 then
          delete
     when matched then
          update set job_count = t.job_count + d.job_count, cost_cents = t.cost_cents + d.cost_cents
     when not matched then
          insert values (d.user_id, d.project_id, d.day, d.job_count, d.cost_cents);
exception
    when serialization_failure then
        -- The row in job_folding is newer than the snapshot. Other folded rows may be newer, too.
        return;
end $$;

revoke all on function gjobs.fold_deltas(bigint) from public;
