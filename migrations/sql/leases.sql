-- The workers, and which job each of them holds.

-- A worker's process. Its row stays for some days after the process has ended.
create table gjobs.workers (
    id          uuid        primary key,
    name        text        not null,
    host        text        not null,
    process     integer     not null,
    modes       text[],
    concurrency integer     not null,
    started_at  timestamptz not null default now(),
    seen_at     timestamptz not null default now(),
    stopped_at  timestamptz
);

-- A running job belongs to its owner until the lease expires; then any worker may take it over. A running job without an owner waits for
-- its next attempt until the lease expires. There is no foreign key, because the app could then not truncate its table. The fill factor
-- leaves space for a row's new version on its page.
create table gjobs.job_leases (
    job_id      uuid        primary key,
    owner       uuid,
    attempt     integer     not null,
    acquired_at timestamptz not null,
    expires_at  timestamptz not null,
    note        text
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_threshold = 2000);
create index job_leases_expires_at on gjobs.job_leases (expires_at);

-- Which job repeats which. A link outlives both jobs, because a deletion can be undone.
create table gjobs.job_links (
    job_id  uuid primary key,
    repeats uuid not null
);
create index job_links_repeats on gjobs.job_links (repeats);

comment on column gjobs.workers.modes is 'the modes that it runs; null: all';

-- Locks the oldest queued jobs of these modes that no other session has locked. Null means all modes: a recursive query finds each mode in
-- the index. If other sessions have locked every candidate, it takes more candidates. The range condition on the mode and the function's
-- planner settings enforce reading one index in order, because the table's statistics may be outdated. jit is off, because the settings
-- make each plan look expensive.
create function gjobs.choose_queued(p_modes text[], p_most integer)
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_sort = off set enable_incremental_sort = off set jit = off as $$
declare
    wanted_modes constant text[] :=
        case when p_modes is not null then array(select distinct mode from unnest(p_modes) as mode) end;
    reach        integer := 2 * p_most + 10;
    candidates   uuid[];
begin
    loop
        candidates := array(
            with recursive present (short) as (
                (select left(j.mode, 200) from public.generation_jobs j where j.status = 'queued' and wanted_modes is null
                  order by left(j.mode, 200) limit 1)
                union all
                select (select left(j.mode, 200) from public.generation_jobs j
                         where j.status = 'queued' and left(j.mode, 200) > p.short order by left(j.mode, 200) limit 1)
                  from present p where p.short is not null
            )
            select oldest.id
              from (select p.short, null as mode from present p where p.short is not null
                    union all
                    select left(m, 200), m from unnest(wanted_modes) m) wanted
             cross join lateral (
                   select j.id, j.created_at
                     from public.generation_jobs j
                    where j.status = 'queued' and left(j.mode, 200) between wanted.short and wanted.short
                      and (wanted.mode is null or j.mode = wanted.mode)
                    order by left(j.mode, 200), j.created_at, j.id limit reach
                   ) oldest
             order by oldest.created_at, oldest.id limit reach
        );
        return query
            select j.id from public.generation_jobs j
             where j.id = any (candidates) and j.status = 'queued'
             order by array_position(candidates, j.id) limit p_most for no key update skip locked;
        exit when found or cardinality(candidates) < reach;
        reach := 4 * reach;
    end loop;
end $$;

-- Gives jobs with an expired lease to this worker, as another attempt, and deletes leases of jobs that no longer run.
-- Every function locks a job before its lease, and locks several jobs in the order of their ids. take_over_jobs, hand_back_jobs and
-- renew_leases skip leases that another session has locked. So there are no deadlocks. Jobs and leases are found by their keys. Otherwise,
-- a plan cached while few jobs ran might read all running jobs through a status index or a join. `status || ''` keeps the
-- planner from such an index.
create function gjobs.take_over_jobs(p_owner uuid, p_modes text[], p_most integer, p_lease_seconds double precision)
    returns table (job_id uuid, attempt integer, lost_by uuid, note text) language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    reach integer := 2 * p_most + 10;
    due   uuid[];
    free  uuid[];
begin
    loop
        due := array(select l.job_id from gjobs.job_leases l where l.expires_at <= now() order by l.expires_at limit reach);
        free := array(
            select j.id from public.generation_jobs j
             where j.id = any (due) and j.status || '' = 'running' and (p_modes is null or j.mode = any (p_modes))
             order by j.id limit p_most for no key update skip locked
        );
        exit when free <> '{}' or cardinality(due) < reach;
        reach := 4 * reach;
    end loop;
    if due = '{}' then
        return;
    end if;
    return query
        with expired as materialized (
            select l.job_id, l.owner, l.note
              from gjobs.job_leases l where l.job_id = any (free) and l.expires_at <= now() for no key update skip locked
        )
        update gjobs.job_leases l
           set owner = p_owner, attempt = l.attempt + 1, acquired_at = clock_timestamp(),
               expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds), note = null
         where l.job_id = any (array(select expired.job_id from expired))
        returning l.job_id, l.attempt, (select expired.owner from expired where expired.job_id = l.job_id),
                  (select expired.note from expired where expired.job_id = l.job_id);
    delete from gjobs.job_leases l
     where l.job_id = any (due) and l.expires_at <= now()
       and not exists (select from public.generation_jobs j where j.id = l.job_id and j.status || '' = 'running');
end $$;

-- Claims at most p_most jobs; those with an expired lease come before the queued ones. attempt is the number of the attempt. lost_by and
-- note come from the expired lease: the worker that lost it, or, if it had no owner, why the last attempt failed.
create function gjobs.claim_jobs(p_owner uuid, p_modes text[], p_most integer, p_lease_seconds double precision)
    returns table (id uuid, user_id uuid, project_id uuid, status text, mode text, input_asset_id uuid, error text, cost_cents integer,
                   created_at timestamptz, updated_at timestamptz, attempt integer, lost_by uuid, note text)
    language plpgsql volatile security invoker rows 10
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
    taken  integer := 0;
    chosen uuid[];
begin
    perform pg_catalog.set_config('gjobs.worker', p_owner::text, true);
    if exists (select from gjobs.job_leases l where l.expires_at <= now()) then
        return query
            select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
                   t.attempt, t.lost_by, t.note
              from gjobs.take_over_jobs(p_owner, p_modes, p_most, p_lease_seconds) t
              join public.generation_jobs j on j.id = t.job_id;
        get diagnostics taken = row_count;
        if taken >= p_most then
            return;
        end if;
    end if;
    chosen := array(select gjobs.choose_queued(p_modes, p_most - taken));
    if chosen = '{}' then
        return;
    end if;
    -- A job that was queued again may still have a lease.
    insert into gjobs.job_leases as l (job_id, owner, attempt, acquired_at, expires_at)
    select chosen_id, p_owner, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => p_lease_seconds)
      from pg_catalog.unnest(chosen) as chosen_id
        on conflict (job_id) do update
           set owner = excluded.owner, attempt = l.attempt + 1, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at,
               note = null;
    return query
        with claimed as (
            update public.generation_jobs j set status = 'running' where j.id = any (chosen)
            returning j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
                      (select l.attempt from gjobs.job_leases l where l.job_id = j.id)
        )
        select c.*, null::uuid, null::text from claimed c order by c.created_at, c.id;
end $$;

-- Ends jobs that the worker holds. It returns the jobs that it changed: those still running whose lease has the given owner and attempt.
-- postpone_jobs and hand_back_jobs also return the jobs that they changed.
-- Rows are found by their keys, see gjobs.take_over_jobs.
-- The app's triggers and policies run under the same settings. jit is off: with enable_seqscan off, a plan that reads a whole table looks
-- expensive enough to compile.
create function gjobs.finish_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_statuses text[], p_errors text[], p_costs integer[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
declare
    running uuid[];
begin
    if exists (select from pg_catalog.unnest(p_statuses) as status where status is null or status not in ('succeeded', 'failed')) then
        raise check_violation using message = 'a job ends as succeeded or failed';
    end if;
    perform pg_catalog.set_config('gjobs.worker', p_owner::text, true);
    -- From here on no other session can take these jobs over.
    running := array(
        select j.id from public.generation_jobs j
         where j.id = any (p_job_ids) and j.status || '' = 'running' order by j.id for no key update
    );
    return query
        with held as materialized (
            select l.job_id, ended.status, ended.error, ended.cost_cents
              from unnest(p_job_ids, p_attempts, p_statuses, p_errors, p_costs) as ended (job_id, attempt, status, error, cost_cents)
             cross join lateral (
                   select l.job_id from gjobs.job_leases l
                    where l.job_id = ended.job_id and l.attempt = ended.attempt and l.owner = p_owner
                      for no key update
                   ) l
             where ended.job_id = any (running)
        )
        update public.generation_jobs j
           set status = held.status, error = coalesce(held.error, j.error), cost_cents = coalesce(held.cost_cents, j.cost_cents)
          from held where j.id = held.job_id
        returning j.id;
    -- If a crash lost the claim, the worker may have claimed the same attempt again since. That lease stays.
    -- So does one that another session has locked, until it expires.
    -- Leases are found by their keys, because a join would compare each lease with each end.
    delete from gjobs.job_leases l
     where l.job_id = any (array(
               select held.job_id
                 from unnest(p_job_ids, p_attempts) as ended (job_id, attempt)
                cross join lateral (
                      select l.job_id from gjobs.job_leases l
                       where l.job_id = ended.job_id and l.attempt = ended.attempt and l.owner = p_owner
                         for no key update skip locked
                      ) held
           ))
       and (l.job_id = any (running)
            or (select j.status || '' from public.generation_jobs j where j.id = l.job_id) is distinct from 'running');
end $$;

-- Ends the attempt; any worker may start the next one after the given seconds. The cost, if given, is the job's cost so far.
create function gjobs.postpone_jobs(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_errors text[], p_costs integer[], p_wait_seconds double precision[])
    returns setof uuid language plpgsql volatile security invoker rows 10
    set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '2s' as $$
declare
    running uuid[];
begin
    perform pg_catalog.set_config('gjobs.worker', p_owner::text, true);
    -- From here on no other session can take these jobs over.
    running := array(
        select j.id from public.generation_jobs j
         where j.id = any (p_job_ids) and j.status || '' = 'running' order by j.id for no key update
    );
    update public.generation_jobs j
       set cost_cents = failed.cost_cents
      from unnest(p_job_ids, p_attempts, p_costs) as failed (job_id, attempt, cost_cents)
     where j.id = failed.job_id and j.id = any (running) and j.cost_cents is distinct from failed.cost_cents
       and failed.cost_cents is not null
       and exists (select from gjobs.job_leases l
                    where l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner offset 0);
    return query
        update gjobs.job_leases l
           set owner = null, expires_at = clock_timestamp() + make_interval(secs => failed.wait_seconds), note = failed.error
          from unnest(p_job_ids, p_attempts, p_errors, p_wait_seconds) as failed (job_id, attempt, error, wait_seconds)
         where l.job_id = any (running) and l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner
        returning l.job_id;
end $$;

-- Extends leases by the given seconds, and stores progress notes. A null note keeps the last one. Returns the jobs that the worker still
-- holds. A lease that another session has locked is not extended, but its job is returned.
create function gjobs.renew_leases(
    p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_lease_seconds double precision, p_notes text[] default null)
    returns setof uuid language plpgsql volatile security invoker rows 10
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off as $$
begin
    with held as materialized (
        select l.job_id, kept.note
          from unnest(p_job_ids, p_attempts, p_notes) as kept (job_id, attempt, note)
         cross join lateral (
               select l.job_id from gjobs.job_leases l
                where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner
                  for no key update skip locked
               ) l
    )
    update gjobs.job_leases l
       set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds),
           note = coalesce((select held.note from held where held.job_id = l.job_id limit 1), l.note)
     where l.job_id = any (array(select held.job_id from held));
    return query
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
         cross join lateral (
               select l.job_id from gjobs.job_leases l
                where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner offset 0
               ) l
          join public.generation_jobs j on j.id = l.job_id and j.status || '' = 'running';
end $$;

-- Writes events for changed leases. A claim and a finish change the job's status, and the event of that change names the owner. So only
-- changes in between are recorded here. It runs with its owner's rights, because those who write jobs may not write events.
create function gjobs.record_leases()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if not exists (select from new_rows n join old_rows o on o.job_id = n.job_id
                    where (n.owner, n.attempt, n.note) is distinct from (o.owner, o.attempt, o.note)) then
        return null;
    end if;
    insert into gjobs.job_event_log
           (transaction_id, kind, job_id, user_id, project_id, mode, error, cost_cents, actor_role, application, lease_owner, note)
    select pg_current_xact_id(), change.kind, j.id, j.user_id, j.project_id, j.mode::text,
           case change.kind when 'retry' then n.note end, j.cost_cents,
           coalesce(nullif(current_setting('role'), 'none'), session_user), current_setting('application_name'),
           coalesce(n.owner, o.owner)::text,
           case change.kind when 'owner' then case when n.owner is null then 'handed back' else 'attempt ' || n.attempt end
                            when 'retry' then 'attempt ' || n.attempt || ' failed'
                            else n.note end
      from old_rows o
      join new_rows n on n.job_id = o.job_id
     cross join lateral (
         select case when n.owner is not null and (n.owner, n.attempt) is distinct from (o.owner, o.attempt) then 'owner'
                     when n.owner is null and o.owner is not null and n.attempt < o.attempt then 'owner'
                     when n.owner is null and o.owner is not null then 'retry'
                     when n.note is distinct from o.note then 'progress'
                end as kind
     ) change
      join public.generation_jobs j on j.id = n.job_id
     where change.kind is not null;
    return null;
end $$;

create trigger record_leases after update on gjobs.job_leases
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_leases();

-- Links each new job to the job of the same owner that it repeats, and returns the linked ones. It runs with its owner's rights, because
-- those who write jobs may not write links. Only the owner of both jobs and the operator may link them, and only with a role that may
-- insert jobs.
create function gjobs.link_retries(p_job_ids uuid[], p_repeats uuid[])
    returns setof uuid language plpgsql volatile security definer set search_path = '' as $$
begin
    return query
        insert into gjobs.job_links as made (job_id, repeats)
        select j.id, f.id
          from unnest(p_job_ids, p_repeats) as asked (job_id, repeats)
          join public.generation_jobs j on j.id = asked.job_id
          join public.generation_jobs f on f.id = asked.repeats and f.user_id is not distinct from j.user_id
         where (gjobs.may_refund() or j.user_id = auth.uid())
           and has_any_column_privilege(coalesce(nullif(current_setting('role'), 'none'), session_user)::name,
                                        'public.generation_jobs', 'insert')
        returning made.job_id;
end $$;

-- What readers of a job see of its lease and its links. Only those who see all jobs see the workers.
create view gjobs.visible_leases with (security_barrier = on) as
    select l.* from gjobs.job_leases l
     where case (select gjobs.visible_jobs()) when 'all' then true when 'none' then false else gjobs.sees_job(l.job_id) end;

create view gjobs.visible_links with (security_barrier = on) as
    select l.* from gjobs.job_links l
     where case (select gjobs.visible_jobs()) when 'all' then true when 'none' then false else gjobs.sees_job(l.job_id) end;

create view gjobs.visible_workers with (security_barrier = on) as
    select w.* from gjobs.workers w where (select gjobs.visible_jobs()) = 'all';
