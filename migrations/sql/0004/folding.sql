-- Moves deltas into totals and days, as one of some thousand appended asks for, and a statement that appended many. At most twice
-- as many as that: what is left over shrinks, and no small write has a big one's work to do. Nobody waits for it, and it waits for
-- nobody: who does not get the lock at once leaves the work to another, and only its holder changes folded rows. With a snapshot of
-- the whole transaction, and somebody who has folded since, it leaves it to another as well.
create or replace function gjobs.fold_deltas(p_appended bigint)
    returns void language plpgsql volatile security definer set search_path = '' as $$
declare
    folded gjobs.job_deltas[];
begin
    if not pg_try_advisory_xact_lock(1735353442, 2) then
        return;
    end if;
    update gjobs.job_folding set folded_at = clock_timestamp();
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
        -- The row in job_folding is newer than the snapshot: so may be all the others.
        return;
end $$;

-- Counts everything anew in place of what is kept, from one snapshot: what is committed later has its deltas. The transaction has to
-- be REPEATABLE READ; and since before its snapshot the session has to hold the folders' lock, and the transaction a lock on the
-- jobs, which a snapshot does not keep from being truncated. Says how far it is.
create or replace function gjobs.recount_jobs()
    returns void language plpgsql volatile security invoker
    set search_path = '' set row_security = off set plan_cache_mode = force_custom_plan as $$
declare
    jobs_a_part constant integer := 1000000;
    parts  integer;
    bounds uuid[];
begin
    if current_setting('transaction_isolation') <> 'repeatable read' or not pg_try_advisory_xact_lock(1735353442, 2) then
        raise object_not_in_prerequisite_state using message = 'the jobs are counted in a REPEATABLE READ transaction that folds alone';
    end if;
    parts := (select greatest(reltuples, 0) / jobs_a_part from pg_class where oid = 'public.generation_jobs'::regclass) + 1;
    bounds := array(
        select (array_agg(p.id order by p.id))[1]
          from (select id, ntile(parts) over (order by id) as part from public.projects) p group by part order by part offset 1
    );
    update gjobs.job_folding set folded_at = clock_timestamp();
    delete from gjobs.job_deltas;
    delete from gjobs.job_totals;
    delete from gjobs.job_days;
    for part in 0 .. cardinality(bounds) loop
        with counted as materialized (
            select user_id, project_id, status, mode, (created_at at time zone 'UTC')::date as day,
                   count(*) as job_count, coalesce(sum(cost_cents), 0) as cost_cents
              from public.generation_jobs
             where (bounds[part] is null or project_id >= bounds[part])
               and (bounds[part + 1] is null or project_id < bounds[part + 1])
                or (project_id is null and part = 0)
             group by user_id, project_id, status, mode, day
        ), days as (
            insert into gjobs.job_days
            -- Day by day, as they come later on: the last days, which the charts show, lie together.
            select user_id, project_id, day, sum(job_count), sum(cost_cents)
              from counted group by user_id, project_id, day order by day
        )
        insert into gjobs.job_totals
        select user_id, project_id, status, mode, sum(job_count), sum(cost_cents)
          from counted group by user_id, project_id, status, mode;
        if part < cardinality(bounds) then
            raise notice 'Counting the jobs: % %%.', 100 * (part + 1) / (cardinality(bounds) + 1);
        end if;
    end loop;
end $$;

revoke all on function gjobs.fold_deltas(bigint), gjobs.recount_jobs() from public;
