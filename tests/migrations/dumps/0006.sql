-- A database at revision 0006, as PostgreSQL 15 dumped it. README.md says how it was made. The roles are the cluster's.
DO $$
DECLARE
    version CONSTANT integer := current_setting('server_version_num')::integer;
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
        IF to_regrole(name) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', name) || CASE name WHEN 'service_role' THEN ' BYPASSRLS' ELSE '' END;
        END IF;
        IF NOT pg_has_role(current_user, name, CASE WHEN version >= 160000 THEN 'set' ELSE 'member' END) THEN
            EXECUTE format('GRANT %I TO %I', name, current_user)
                || CASE WHEN version >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
        END IF;
    END LOOP;
END $$;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET row_security = off;

CREATE SCHEMA auth;

CREATE SCHEMA gjobs;

CREATE FUNCTION auth.jwt() RETURNS jsonb
    LANGUAGE sql STABLE
    RETURN (COALESCE(NULLIF(current_setting('request.jwt.claim'::text, true), ''::text), NULLIF(current_setting('request.jwt.claims'::text, true), ''::text)))::jsonb;

CREATE FUNCTION auth.role() RETURNS text
    LANGUAGE sql STABLE
    RETURN COALESCE(NULLIF(current_setting('request.jwt.claim.role'::text, true), ''::text), ((NULLIF(current_setting('request.jwt.claims'::text, true), ''::text))::jsonb ->> 'role'::text));

CREATE FUNCTION auth.uid() RETURNS uuid
    LANGUAGE sql STABLE
    RETURN (COALESCE(NULLIF(current_setting('request.jwt.claim.sub'::text, true), ''::text), ((NULLIF(current_setting('request.jwt.claims'::text, true), ''::text))::jsonb ->> 'sub'::text)))::uuid;

CREATE FUNCTION gjobs.acting_user() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
    actor uuid;
    known bigint;
begin
    begin
        actor := auth.uid();
    exception when invalid_text_representation then
        return null;
    end;
    if actor is null then
        return null;
    end if;
    known := (select number from gjobs.known_users where id = actor limit 1);
    if known is null then
        begin
            insert into gjobs.known_users (id) values (actor) returning number into known;
        exception when foreign_key_violation then
            return null;
        end;
    end if;
    return known;
end $$;

CREATE FUNCTION gjobs.choose_queued(p_modes text[], p_most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
declare
    wanted     constant text[] := array(select distinct mode from unnest(p_modes) as mode);
    reach      integer := 2 * p_most + 10;
    candidates uuid[];
begin
    loop
        candidates := array(select q.id from gjobs.queued_of_modes(wanted, reach) q order by q.created_at, q.id limit reach);
        return query
            select j.id from public.generation_jobs j
             where j.id = any (candidates) and j.status = 'queued'
             order by array_position(candidates, j.id) limit p_most for no key update skip locked;
        exit when found or cardinality(candidates) < reach;
        reach := 4 * reach;
    end loop;
end $$;

CREATE FUNCTION gjobs.claim_jobs(p_owner uuid, p_modes text[], p_most integer, p_lease_seconds double precision) RETURNS TABLE(id uuid, user_id uuid, project_id uuid, status text, mode text, input_asset_id uuid, error text, cost_cents integer, created_at timestamp with time zone, updated_at timestamp with time zone, attempt integer, lost_by uuid, note text)
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
declare
    taken  integer := 0;
    chosen uuid[];
begin
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
    chosen := case when p_modes is null then array(select gjobs.lock_queued(p_most - taken))
                   else array(select gjobs.choose_queued(p_modes, p_most - taken)) end;
    if chosen = '{}' then
        return;
    end if;
    -- First, for the event of the change names who has the lease. One may be left of a job that was queued anew.
    insert into gjobs.job_leases as l (job_id, owner, attempt, acquired_at, expires_at)
    select chosen_id, p_owner, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => p_lease_seconds)
      from unnest(chosen) as chosen_id
        on conflict (job_id) do update
           set owner = excluded.owner, attempt = l.attempt + 1, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at,
               note = null;
    return query
        with claimed as (
            update public.generation_jobs j set status = 'running' where j.id = any (chosen)
            returning j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at
        )
        select c.*, l.attempt, null::uuid, null::text
          from claimed c join gjobs.job_leases l on l.job_id = c.id order by c.created_at, c.id;
end $$;

CREATE FUNCTION gjobs.complete_job() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    if tg_op = 'INSERT' then
        new.completed_at := now();
    elsif new.completed_at is not distinct from old.completed_at then
        new.completed_at := case when new.status in ('succeeded', 'failed') then now() end;
    end if;
    return new;
end $$;

CREATE FUNCTION gjobs.count_days() RETURNS TABLE(user_id uuid, project_id uuid, day date, job_count bigint, cost_cents bigint)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path TO ''
    AS $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, (j.created_at at time zone 'UTC')::date as utc_day, count(*), sum(j.cost_cents)
              from public.generation_jobs j group by j.user_id, j.project_id, utc_day;
    end if;
end $$;

CREATE FUNCTION gjobs.count_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION gjobs.count_inserted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION gjobs.count_jobs() RETURNS TABLE(user_id uuid, project_id uuid, status text, mode text, job_count bigint, cost_cents bigint)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path TO ''
    AS $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, j.status, j.mode, count(*), sum(j.cost_cents)
              from public.generation_jobs j group by j.user_id, j.project_id, j.status, j.mode;
    end if;
end $$;

CREATE FUNCTION gjobs.count_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION gjobs.count_updated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION gjobs.drop_leases() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if tg_op = 'DELETE' then
        delete from gjobs.job_leases l using old_rows o where l.job_id = o.id;
    else
        delete from gjobs.job_leases;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.finish_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_statuses text[], p_errors text[], p_costs integer[]) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '2s'
    AS $$
begin
    if exists (select from unnest(p_statuses) as status where status is null or status not in ('succeeded', 'failed')) then
        raise check_violation using message = 'a job ends as succeeded or failed';
    end if;
    return query
        with running as materialized (
            select j.id from public.generation_jobs j
             where j.id = any (p_job_ids) and j.status = 'running' order by j.id for no key update
        ), held as materialized (
            select l.job_id, ended.status, ended.error, ended.cost_cents
              from unnest(p_job_ids, p_attempts, p_statuses, p_errors, p_costs) as ended (job_id, attempt, status, error, cost_cents)
              join running on running.id = ended.job_id
              join gjobs.job_leases l on l.job_id = ended.job_id and l.attempt = ended.attempt
             where l.owner = p_owner
               for no key update of l
        )
        update public.generation_jobs j
           set status = held.status, error = coalesce(held.error, j.error), cost_cents = coalesce(held.cost_cents, j.cost_cents)
          from held where j.id = held.job_id
        returning j.id;
    -- Afterwards, for the events of the change name who had the lease.
    delete from gjobs.job_leases l using unnest(p_job_ids, p_attempts) as ended (job_id, attempt)
     where l.job_id = ended.job_id and l.attempt = ended.attempt and l.owner = p_owner;
end $$;

CREATE FUNCTION gjobs.fold_deltas(p_appended bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION gjobs.hand_back_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[]) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
begin
    return query
        with held as materialized (
            select l.job_id
              from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
              join gjobs.job_leases l on l.job_id = kept.job_id and l.attempt = kept.attempt
             where l.owner = p_owner
               for no key update of l skip locked
        )
        update gjobs.job_leases l set owner = null, attempt = l.attempt - 1, expires_at = now(), note = null
          from held where l.job_id = held.job_id
        returning l.job_id;
end $$;

CREATE FUNCTION gjobs.know_owners() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if tg_op = 'INSERT' then
        insert into gjobs.known_users (id)
        select n.user_id from (select distinct user_id from new_rows where user_id is not null) n
         where not exists (select from gjobs.known_users k where k.id = n.user_id);
    else
        insert into gjobs.known_users (id)
        select new.user_id
         where new.user_id is not null and not exists (select from gjobs.known_users k where k.id = new.user_id);
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.lock_queued(p_most integer) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    AS $$
begin
    return query
        select j.id from public.generation_jobs j
         where j.status between 'queued' and 'queued'
         order by j.status desc, j.created_at, j.id limit p_most for no key update skip locked;
end $$;

CREATE FUNCTION gjobs.may_notify() RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    return current_setting('max_prepared_transactions')::integer = 0 and pg_notification_queue_usage() < 0.5;
end $$;

CREATE FUNCTION gjobs.note_progress(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_notes text[]) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
begin
    return query
        with held as materialized (
            select l.job_id, told.note
              from unnest(p_job_ids, p_attempts, p_notes) as told (job_id, attempt, note)
              join gjobs.job_leases l on l.job_id = told.job_id and l.attempt = told.attempt
             where l.owner = p_owner
               for no key update of l skip locked
        )
        update gjobs.job_leases l set note = held.note from held where l.job_id = held.job_id
        returning l.job_id;
end $$;

CREATE FUNCTION gjobs.owns_asset(p_asset_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    return p_asset_id is null
        or exists (select from public.assets a where a.id = p_asset_id and a.user_id = auth.uid());
end $$;

CREATE FUNCTION gjobs.owns_project(p_project_id uuid) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    return exists (select from public.projects p where p.id = p_project_id and p.user_id = auth.uid());
end $$;

CREATE FUNCTION gjobs.postpone_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_errors text[], p_costs integer[], p_wait_seconds double precision[]) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '2s'
    AS $$
begin
    -- From here on nobody else takes one of them over.
    perform from public.generation_jobs j
      where j.id = any (p_job_ids) and j.status = 'running' order by j.id for no key update;
    -- First, for the event of the change names who has the lease.
    update public.generation_jobs j
       set cost_cents = failed.cost_cents
      from unnest(p_job_ids, p_attempts, p_costs) as failed (job_id, attempt, cost_cents)
      join gjobs.job_leases l on l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner
     where j.id = failed.job_id and j.status = 'running' and j.cost_cents is distinct from failed.cost_cents
       and failed.cost_cents is not null;
    return query
        update gjobs.job_leases l
           set owner = null, expires_at = clock_timestamp() + make_interval(secs => failed.wait_seconds), note = failed.error
          from unnest(p_job_ids, p_attempts, p_errors, p_wait_seconds) as failed (job_id, attempt, error, wait_seconds)
          join public.generation_jobs j on j.id = failed.job_id and j.status = 'running'
         where l.job_id = failed.job_id and l.attempt = failed.attempt and l.owner = p_owner
        returning l.job_id;
end $$;

CREATE FUNCTION gjobs.queued_of_modes(p_modes text[], p_most integer) RETURNS TABLE(id uuid, created_at timestamp with time zone)
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    AS $$
begin
    return query
        select oldest.id, oldest.created_at
          from unnest(p_modes) as wanted (mode)
         cross join lateral (
               select j.id, j.created_at
                 from public.generation_jobs j
                where j.status = 'queued' and left(j.mode, 200) between left(wanted.mode, 200) and left(wanted.mode, 200)
                  and j.mode = wanted.mode
                order by left(j.mode, 200), j.created_at, j.id limit p_most
               ) oldest;
end $$;

CREATE FUNCTION gjobs.record_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET enable_nestloop TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
declare
    actor       constant bigint := gjobs.acting_user();
    actor_role  constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    application constant text := current_setting('application_name');
begin
    with written as (
        insert into gjobs.job_event_log as e
               (job_id, project_id, user_number, mode, kind, from_status, to_status, error, cost_cents, cents_change, retry_count,
                actor_number, actor_role, application, lease_owner)
        select coalesce(n.id, o.id), coalesce(n.project_id, o.project_id),
               (select number from gjobs.known_users where id = coalesce(n.user_id, o.user_id) limit 1),
               coalesce(n.mode, o.mode), change.kind, o.status, n.status,
               case when change.kind in ('created', 'status', 'retry', 'error') then n.error end,
               coalesce(n.cost_cents, o.cost_cents), coalesce(n.cost_cents, 0)::bigint - coalesce(o.cost_cents, 0),
               case when n.id is null then o.retry_count else n.retry_count end, actor, actor_role, application,
               (select l.owner::text from gjobs.job_leases l where l.job_id = n.id)
          from old_rows o
          full join new_rows n on n.id = o.id
         cross join lateral (
             select case when o.id is null then 'created'
                         when n.id is null then 'deleted'
                         when o.status is distinct from n.status then 'status'
                         when o.retry_count is distinct from n.retry_count then 'retry'
                         when o.error is distinct from n.error then 'error'
                         when o.cost_cents is distinct from n.cost_cents then 'cost'
                         when (o.mode, o.user_id, o.project_id) is distinct from (n.mode, n.user_id, n.project_id) then 'changed'
                    end as kind
         ) change
         where change.kind is not null
        returning e.job_id, e.from_status, e.to_status, e.at
    )
    insert into gjobs.job_starts
    select w.job_id, w.at from written w where w.to_status = 'running' and w.from_status is distinct from 'running'
        on conflict do nothing;
    return null;
end $$;

CREATE FUNCTION gjobs.record_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET enable_nestloop TO 'off'
    SET enable_seqscan TO 'off'
    AS $$
declare
    actor       constant bigint := gjobs.acting_user();
    actor_role  constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    application constant text := current_setting('application_name');
begin
    if tg_op = 'UPDATE' then
        with written as (
            insert into gjobs.job_event_log as e
                   (job_id, project_id, user_number, mode, kind, from_status, to_status, error, cost_cents, cents_change, retry_count,
                    actor_number, actor_role, application)
            select coalesce(n.id, o.id), coalesce(n.project_id, o.project_id),
                   (select number from gjobs.known_users where id = coalesce(n.user_id, o.user_id) limit 1),
                   coalesce(n.mode, o.mode), change.kind, o.status, n.status,
                   case when change.kind in ('created', 'status', 'retry', 'error') then n.error end,
                   coalesce(n.cost_cents, o.cost_cents), coalesce(n.cost_cents, 0)::bigint - coalesce(o.cost_cents, 0),
                   case when n.id is null then o.retry_count else n.retry_count end, actor, actor_role, application
              from old_rows o
              full join new_rows n on n.id = o.id
             cross join lateral (
                 select case when o.id is null then 'created'
                             when n.id is null then 'deleted'
                             when o.status is distinct from n.status then 'status'
                             when o.retry_count is distinct from n.retry_count then 'retry'
                             when o.error is distinct from n.error then 'error'
                             when o.cost_cents is distinct from n.cost_cents then 'cost'
                             when (o.mode, o.user_id, o.project_id) is distinct from (n.mode, n.user_id, n.project_id) then 'changed'
                        end as kind
             ) change
             where change.kind is not null
            returning e.job_id, e.from_status, e.to_status, e.at
        )
        insert into gjobs.job_starts
        select w.job_id, w.at from written w where w.to_status = 'running' and w.from_status is distinct from 'running'
            on conflict do nothing;
    elsif tg_op = 'INSERT' then
        with written as (
            insert into gjobs.job_event_log as e
                   (job_id, project_id, user_number, mode, kind, to_status, error, cost_cents, cents_change, retry_count,
                    actor_number, actor_role, application)
            select n.id, n.project_id, (select number from gjobs.known_users where id = n.user_id limit 1), n.mode, 'created', n.status,
                   n.error, n.cost_cents, coalesce(n.cost_cents, 0), n.retry_count, actor, actor_role, application
              from new_rows n
            returning e.job_id, e.to_status, e.at
        )
        insert into gjobs.job_starts select w.job_id, w.at from written w where w.to_status = 'running' on conflict do nothing;
    elsif tg_op = 'DELETE' then
        insert into gjobs.job_event_log
               (job_id, project_id, user_number, mode, kind, from_status, cost_cents, cents_change, retry_count,
                actor_number, actor_role, application)
        select o.id, o.project_id, (select number from gjobs.known_users where id = o.user_id limit 1), o.mode, 'deleted', o.status,
               o.cost_cents, -coalesce(o.cost_cents, 0)::bigint, o.retry_count, actor, actor_role, application
          from old_rows o;
    else
        -- Before they are gone, with nobody else at the table.
        insert into gjobs.job_event_log
               (job_id, project_id, user_number, mode, kind, from_status, cost_cents, cents_change, retry_count,
                actor_number, actor_role, application)
        select o.id, o.project_id, (select number from gjobs.known_users where id = o.user_id limit 1), o.mode, 'deleted', o.status,
               o.cost_cents, -coalesce(o.cost_cents, 0)::bigint, o.retry_count, actor, actor_role, application
          from public.generation_jobs o;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.record_leases() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if not exists (select from new_rows n join old_rows o on o.job_id = n.job_id
                    where (n.owner, n.attempt, n.note) is distinct from (o.owner, o.attempt, o.note)) then
        return null;
    end if;
    insert into gjobs.job_event_log
           (job_id, project_id, user_number, mode, kind, error, cost_cents, retry_count,
            actor_number, actor_role, application, lease_owner, note)
    select j.id, j.project_id, (select number from gjobs.known_users where id = j.user_id limit 1), j.mode, change.kind,
           case change.kind when 'retry' then n.note end, j.cost_cents, j.retry_count, gjobs.acting_user(),
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

CREATE FUNCTION gjobs.recount_jobs() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET row_security TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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

CREATE FUNCTION gjobs.renew_leases(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_lease_seconds double precision) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
begin
    with held as materialized (
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
          join gjobs.job_leases l on l.job_id = kept.job_id and l.attempt = kept.attempt
         where l.owner = p_owner
           for no key update of l skip locked
    )
    update gjobs.job_leases l set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
      from held where l.job_id = held.job_id;
    return query
        select l.job_id
          from unnest(p_job_ids, p_attempts) as kept (job_id, attempt)
          join gjobs.job_leases l on l.job_id = kept.job_id and l.attempt = kept.attempt
          join public.generation_jobs j on j.id = l.job_id and j.status = 'running'
         where l.owner = p_owner;
end $$;

CREATE FUNCTION gjobs.rollups_agree() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
    if not has_table_privilege('public.generation_jobs', 'select') then
        return false;
    end if;
    return not row_security_active('public.generation_jobs')
        or coalesce((
               select bool_or(p.polpermissive)
                      and bool_and(pg_get_expr(p.polqual, p.polrelid) in (
                              '(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
                              '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))'
                          ))
                 from pg_policy p
                where p.polrelid = 'public.generation_jobs'::regclass and p.polcmd in ('r', '*')
                  and exists (select from unnest(p.polroles) as role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage'))
           ), false);
end $$;

CREATE FUNCTION gjobs.take_over_jobs(p_owner uuid, p_modes text[], p_most integer, p_lease_seconds double precision) RETURNS TABLE(job_id uuid, attempt integer, lost_by uuid, note text)
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
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
             where j.id = any (due) and j.status = 'running' and (p_modes is null or j.mode = any (p_modes))
             order by j.id limit p_most for no key update skip locked
        );
        exit when free <> '{}' or cardinality(due) < reach;
        reach := 4 * reach;
    end loop;
    if due = '{}' then
        return;
    end if;
    return query
        with expired as (
            select l.job_id, l.owner, l.note
              from gjobs.job_leases l where l.job_id = any (free) and l.expires_at <= now() for no key update skip locked
        )
        update gjobs.job_leases l
           set owner = p_owner, attempt = l.attempt + 1, acquired_at = clock_timestamp(),
               expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds), note = null
          from expired where l.job_id = expired.job_id
        returning l.job_id, l.attempt, expired.owner, expired.note;
    delete from gjobs.job_leases l
     where l.job_id = any (due) and l.expires_at <= now()
       and not exists (select from public.generation_jobs j where j.id = l.job_id and j.status = 'running');
end $$;

CREATE FUNCTION gjobs.tell_listeners(p_job_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
    now_at constant bigint := extract(epoch from clock_timestamp()) * 1000;
begin
    if abs(now_at - (select last_value from gjobs.told_at)) > 100 and gjobs.may_notify() then
        perform setval('gjobs.told_at', now_at);
        perform pg_notify('gjobs_jobs', p_job_id);
    end if;
end $$;

CREATE FUNCTION gjobs.wake_workers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if not (case when pg_try_advisory_lock(1735353442, 4) then pg_advisory_unlock(1735353442, 4) else false end)
       and exists (select from new_rows where status = 'queued') and gjobs.may_notify() then
        perform pg_notify('gjobs_queue', '');
    end if;
    return null;
end $$;

CREATE FUNCTION public.get_job_statistics(p_user_id uuid DEFAULT NULL::uuid) RETURNS TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    if gjobs.rollups_agree() then
        return query
            select c.status, sum(c.job_count)::bigint, sum(c.cost_cents)::bigint, sum(c.cost_cents) / sum(c.job_count)
              from gjobs.job_counts c where c.user_id = coalesce(p_user_id, (select auth.uid()))
             group by c.status having sum(c.job_count) <> 0 order by c.status;
    else
        return query
            select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
              from public.generation_jobs j where j.user_id = coalesce(p_user_id, (select auth.uid()))
             group by j.status order by j.status;
    end if;
end $$;

CREATE FUNCTION public.get_recent_jobs(p_limit integer DEFAULT 10) RETURNS TABLE(id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamp with time zone)
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from public.generation_jobs j where j.user_id = (select auth.uid()) order by j.created_at desc limit p_limit;
end $$;

CREATE FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    if p_new_status is null or p_new_status not in ('queued', 'running', 'succeeded', 'failed') then
        raise check_violation using
            message = format('%L is not a status of a generation job', p_new_status),
            schema = 'public', table = 'generation_jobs', column = 'status', constraint = 'generation_jobs_status_check';
    end if;
    update public.generation_jobs
       set status = p_new_status, error = coalesce(p_error, error), updated_at = now()
     where id = p_job_id
       and (status, p_new_status) in (('queued', 'running'), ('running', 'succeeded'), ('running', 'failed'));
    return found;
end $$;

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin new.updated_at := now(); return new; end $$;

CREATE TABLE auth.users (
    id uuid NOT NULL,
    email text,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE gjobs.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE gjobs.job_deltas (
    user_id uuid,
    project_id uuid,
    status text,
    mode text,
    day date,
    job_count bigint,
    cost_cents bigint
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', vacuum_truncate=off);

CREATE TABLE gjobs.job_totals (
    user_id uuid,
    project_id uuid,
    status text,
    mode text,
    job_count bigint,
    cost_cents bigint
)
WITH (fillfactor='70');

CREATE VIEW gjobs.job_counts WITH (security_barrier='on') AS
 SELECT sums.user_id,
    sums.project_id,
    sums.status,
    sums.mode,
    sums.job_count,
    sums.cost_cents
   FROM ( SELECT job_totals.user_id,
            job_totals.project_id,
            job_totals.status,
            job_totals.mode,
            job_totals.job_count,
            job_totals.cost_cents
           FROM gjobs.job_totals
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT job_totals.user_id,
            job_totals.project_id,
            job_totals.status,
            job_totals.mode,
            job_totals.job_count,
            job_totals.cost_cents
           FROM gjobs.job_totals
          WHERE (job_totals.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT job_deltas.user_id,
            job_deltas.project_id,
            job_deltas.status,
            job_deltas.mode,
            job_deltas.job_count,
            job_deltas.cost_cents
           FROM gjobs.job_deltas
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT job_deltas.user_id,
            job_deltas.project_id,
            job_deltas.status,
            job_deltas.mode,
            job_deltas.job_count,
            job_deltas.cost_cents
           FROM gjobs.job_deltas
          WHERE (job_deltas.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT count_jobs.user_id,
            count_jobs.project_id,
            count_jobs.status,
            count_jobs.mode,
            count_jobs.job_count,
            count_jobs.cost_cents
           FROM gjobs.count_jobs() count_jobs(user_id, project_id, status, mode, job_count, cost_cents)) sums;

CREATE TABLE gjobs.job_days (
    user_id uuid,
    project_id uuid,
    day date,
    job_count bigint,
    cost_cents bigint
)
WITH (fillfactor='70');

CREATE VIEW gjobs.job_day_counts WITH (security_barrier='on') AS
 SELECT sums.user_id,
    sums.project_id,
    sums.day,
    sums.job_count,
    sums.cost_cents
   FROM ( SELECT job_days.user_id,
            job_days.project_id,
            job_days.day,
            job_days.job_count,
            job_days.cost_cents
           FROM gjobs.job_days
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT job_days.user_id,
            job_days.project_id,
            job_days.day,
            job_days.job_count,
            job_days.cost_cents
           FROM gjobs.job_days
          WHERE (job_days.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT job_deltas.user_id,
            job_deltas.project_id,
            job_deltas.day,
            job_deltas.job_count,
            job_deltas.cost_cents
           FROM gjobs.job_deltas
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT job_deltas.user_id,
            job_deltas.project_id,
            job_deltas.day,
            job_deltas.job_count,
            job_deltas.cost_cents
           FROM gjobs.job_deltas
          WHERE (job_deltas.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT count_days.user_id,
            count_days.project_id,
            count_days.day,
            count_days.job_count,
            count_days.cost_cents
           FROM gjobs.count_days() count_days(user_id, project_id, day, job_count, cost_cents)) sums;

CREATE TABLE gjobs.job_event_log (
    id bigint NOT NULL,
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL,
    job_id uuid NOT NULL,
    project_id uuid,
    user_number bigint,
    mode text,
    kind text NOT NULL,
    from_status text,
    to_status text,
    error text,
    cost_cents integer,
    cents_change bigint DEFAULT 0 NOT NULL,
    retry_count integer,
    actor_number bigint,
    actor_role text NOT NULL,
    application text NOT NULL,
    lease_owner text,
    note text,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE gjobs.job_event_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gjobs.job_event_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE gjobs.known_users (
    number bigint NOT NULL,
    id uuid NOT NULL
);

CREATE VIEW gjobs.job_events WITH (security_invoker='on') AS
 SELECT e.id,
    e.transaction_id,
    e.job_id,
    e.project_id,
    owner.id AS user_id,
    e.mode,
    e.kind,
    e.from_status,
    e.to_status,
    e.error,
    e.cost_cents,
    e.cents_change,
    e.retry_count,
    actor.id AS actor_user_id,
    e.actor_role,
    e.application,
    e.lease_owner,
    e.note,
    e.at
   FROM ((gjobs.job_event_log e
     LEFT JOIN gjobs.known_users owner ON ((owner.number = e.user_number)))
     LEFT JOIN gjobs.known_users actor ON ((actor.number = e.actor_number)));

CREATE TABLE gjobs.job_folding (
    folded_at timestamp with time zone
);

CREATE TABLE gjobs.job_leases (
    job_id uuid NOT NULL,
    owner uuid,
    attempt integer NOT NULL,
    acquired_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    note text
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.1', autovacuum_vacuum_threshold='2000');

CREATE TABLE gjobs.job_links (
    job_id uuid NOT NULL,
    repeats uuid NOT NULL
);

CREATE TABLE gjobs.job_starts (
    job_id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL
);

ALTER TABLE gjobs.known_users ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gjobs.known_users_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE gjobs.made_tables (
    name text NOT NULL
);

CREATE TABLE gjobs.replaced (
    id bigint NOT NULL,
    object text NOT NULL,
    restore text NOT NULL
);

ALTER TABLE gjobs.replaced ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME gjobs.replaced_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE gjobs.told_at
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE gjobs.workers (
    id uuid NOT NULL,
    user_id uuid,
    name text NOT NULL,
    host text NOT NULL,
    process integer NOT NULL,
    modes text[],
    concurrency integer NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    stopped_at timestamp with time zone
);

COMMENT ON COLUMN gjobs.workers.user_id IS 'with whose eyes it works; null: the operator''s';

COMMENT ON COLUMN gjobs.workers.modes IS 'what it takes; null: everything';

CREATE TABLE public.assets (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    project_id uuid NOT NULL,
    kind text NOT NULL,
    mode text NOT NULL,
    source_asset_id uuid,
    prompt_version text NOT NULL,
    prompt_payload jsonb NOT NULL,
    width integer,
    height integer,
    mime_type text,
    storage_path text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT assets_kind_check CHECK ((kind = ANY (ARRAY['input'::text, 'output'::text]))),
    CONSTRAINT assets_mode_check CHECK ((mode = ANY (ARRAY['main_white'::text, 'lifestyle'::text, 'feature_callout'::text, 'packaging'::text])))
);

CREATE TABLE public.generation_jobs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    project_id uuid NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    mode text NOT NULL,
    input_asset_id uuid,
    error text,
    cost_cents integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    retry_count integer DEFAULT 0,
    completed_at timestamp with time zone,
    CONSTRAINT generation_jobs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text])))
);

CREATE VIEW public.generation_job_summary WITH (security_invoker='on') AS
 SELECT c.user_id,
    c.project_id,
    c.status,
    (sum(c.job_count))::bigint AS job_count,
    (sum(c.cost_cents))::bigint AS total_cost_cents,
    (sum(c.cost_cents) / sum(c.job_count)) AS avg_cost_cents,
    ( SELECT j.created_at
           FROM ( SELECT generation_jobs.user_id,
                    generation_jobs.created_at
                   FROM public.generation_jobs
                  WHERE ((generation_jobs.project_id = c.project_id) AND (generation_jobs.status = c.status))
                  ORDER BY generation_jobs.created_at
                 OFFSET 0) j
          WHERE (j.user_id = c.user_id)
         LIMIT 1) AS first_job_at,
    ( SELECT j.created_at
           FROM ( SELECT generation_jobs.user_id,
                    generation_jobs.created_at
                   FROM public.generation_jobs
                  WHERE ((generation_jobs.project_id = c.project_id) AND (generation_jobs.status = c.status))
                  ORDER BY generation_jobs.created_at DESC
                 OFFSET 0) j
          WHERE (j.user_id = c.user_id)
         LIMIT 1) AS last_job_at
   FROM gjobs.job_counts c
  GROUP BY c.user_id, c.project_id, c.status
 HAVING (sum(c.job_count) <> (0)::numeric);

CREATE TABLE public.projects (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW public.stuck_jobs WITH (security_invoker='on') AS
 SELECT generation_jobs.id,
    generation_jobs.user_id,
    generation_jobs.project_id,
    generation_jobs.status,
    generation_jobs.mode,
    generation_jobs.input_asset_id,
    generation_jobs.error,
    generation_jobs.cost_cents,
    generation_jobs.created_at,
    generation_jobs.updated_at,
    generation_jobs.retry_count,
    generation_jobs.completed_at
   FROM public.generation_jobs
  WHERE ((generation_jobs.status = 'running'::text) AND (generation_jobs.updated_at < (now() - '00:30:00'::interval)));

INSERT INTO auth.users VALUES
	('00000000-0000-0000-0000-0000000000a0', 'ada@example.com', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b0', 'ben@example.com', '2026-01-04 12:00:00+00');

INSERT INTO gjobs.alembic_version VALUES
	('0006');

INSERT INTO gjobs.job_deltas VALUES
	('00000000-0000-0000-0000-0000000000b0', '00000000-0000-0000-0000-0000000000b1', 'queued', 'lifestyle', '2026-01-04', 1, 100),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'main_white', '2026-01-04', 1, 250),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'packaging', '2026-01-04', 1, 50),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'lifestyle', '2026-01-04', 2, 230),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'feature_callout', '2026-01-04', 1, 18),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'packaging', '2026-01-04', -1, -50),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'packaging', '2026-01-04', 1, 50),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'main_white', '2026-01-04', -1, -250),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'lifestyle', '2026-01-04', 1, 30),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'feature_callout', '2026-01-04', 1, 18),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'main_white', '2026-01-04', 1, 250),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'lifestyle', '2026-01-04', -1, -30),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'feature_callout', '2026-01-04', -1, -18),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'main_white', '2026-01-04', -1, -250),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'succeeded', 'main_white', '2026-01-04', 1, 255),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'lifestyle', '2026-01-04', -1, -30),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'feature_callout', '2026-01-04', -1, -18),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'lifestyle', '2026-01-04', 1, 30),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'feature_callout', '2026-01-04', 1, 18);

INSERT INTO gjobs.job_event_log OVERRIDING SYSTEM VALUE VALUES
	(1, '737', '00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'created', NULL, 'queued', NULL, 200, 200, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.251408+00'),
	(2, '737', '00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a1', 1, 'packaging', 'created', NULL, 'queued', NULL, 50, 50, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.251653+00'),
	(3, '737', '00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a1', 1, 'main_white', 'created', NULL, 'queued', NULL, 250, 250, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.251664+00'),
	(4, '737', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a1', 1, 'feature_callout', 'created', NULL, 'queued', NULL, 18, 18, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.251671+00'),
	(5, '737', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'created', NULL, 'queued', NULL, 30, 30, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.251678+00'),
	(6, '737', '00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b1', 2, 'lifestyle', 'created', NULL, 'queued', NULL, 100, 100, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.251684+00'),
	(7, '739', '00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a1', 1, 'packaging', 'status', 'queued', 'running', NULL, 50, 0, 0, NULL, 'gjobs', 'fixture', '00000000-0000-0000-0000-0000000000d1', NULL, '2026-11-27 11:02:19.258891+00'),
	(8, '741', '00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a1', 1, 'main_white', 'status', 'queued', 'running', NULL, 250, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.26197+00'),
	(9, '741', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a1', 1, 'feature_callout', 'status', 'queued', 'running', NULL, 18, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.262017+00'),
	(10, '741', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'status', 'queued', 'running', NULL, 30, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.262033+00'),
	(11, '742', '00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a1', 1, 'main_white', 'status', 'running', 'succeeded', NULL, 255, 5, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.263149+00'),
	(12, '743', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a1', 1, 'feature_callout', 'status', 'running', 'failed', 'API timeout', 18, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.264275+00'),
	(13, '743', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'status', 'running', 'failed', 'API timeout', 30, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-11-27 11:02:19.264296+00');

INSERT INTO gjobs.job_folding VALUES
	(NULL);

INSERT INTO gjobs.job_leases VALUES
	('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000d1', 1, '2026-11-27 11:02:19.254822+00', '2126-11-28 11:02:19.254822+00', NULL);

INSERT INTO gjobs.job_links VALUES
	('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-000000000a13');

INSERT INTO gjobs.job_starts VALUES
	('00000000-0000-0000-0000-000000000a11', '2026-11-27 11:02:19.258891+00'),
	('00000000-0000-0000-0000-000000000a12', '2026-11-27 11:02:19.26197+00'),
	('00000000-0000-0000-0000-000000000a13', '2026-11-27 11:02:19.262017+00'),
	('00000000-0000-0000-0000-000000000a14', '2026-11-27 11:02:19.262033+00');

INSERT INTO gjobs.known_users OVERRIDING SYSTEM VALUE VALUES
	(1, '00000000-0000-0000-0000-0000000000a0'),
	(2, '00000000-0000-0000-0000-0000000000b0');

INSERT INTO gjobs.made_tables VALUES
	('public.projects'),
	('public.assets'),
	('public.generation_jobs');

INSERT INTO gjobs.replaced OVERRIDING SYSTEM VALUE VALUES
	(1, 'function public.update_updated_at_column()', 'CREATE OR REPLACE FUNCTION public.update_updated_at_column()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin new.updated_at := now(); return new; end $function$
'),
	(2, 'function public.get_job_statistics(uuid)', 'CREATE OR REPLACE FUNCTION public.get_job_statistics(p_user_id uuid DEFAULT NULL::uuid)
 RETURNS TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
 LANGUAGE plpgsql
 SECURITY DEFINER
AS $function$
begin
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from generation_jobs j where j.user_id = coalesce(p_user_id, auth.uid())
         group by j.status order by j.status;
end $function$
'),
	(3, 'function public.get_recent_jobs(integer)', 'CREATE OR REPLACE FUNCTION public.get_recent_jobs(p_limit integer DEFAULT 10)
 RETURNS TABLE(id uuid, project_id uuid, status text, mode text, cost_cents integer, created_at timestamp with time zone)
 LANGUAGE plpgsql
 SECURITY DEFINER
AS $function$
begin
    return query
        select j.id, j.project_id, j.status, j.mode, j.cost_cents, j.created_at
          from generation_jobs j where j.user_id = auth.uid() order by j.created_at desc limit p_limit;
end $function$
'),
	(4, 'function public.transition_job_status(uuid, text, text)', 'CREATE OR REPLACE FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text DEFAULT NULL::text)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
AS $function$
declare present text;
begin
    select j.status into present from generation_jobs j where j.id = p_job_id and j.user_id = auth.uid();
    if present is null or present in (''succeeded'', ''failed'') then
        return false;
    end if;
    update generation_jobs j set status = p_new_status, error = p_error, updated_at = now()
     where j.id = p_job_id and j.user_id = auth.uid();
    return true;
end $function$
'),
	(5, 'view public.generation_job_summary', 'alter view public.generation_job_summary reset (security_invoker)'),
	(6, 'policy "Users can delete own assets" on public.assets', 'alter policy "Users can delete own assets" on public.assets using ((auth.uid() = user_id))'),
	(7, 'policy "Users can insert own assets" on public.assets', 'alter policy "Users can insert own assets" on public.assets with check ((auth.uid() = user_id))'),
	(8, 'policy "Users can update own assets" on public.assets', 'alter policy "Users can update own assets" on public.assets using ((auth.uid() = user_id)) with check ((auth.uid() = user_id))'),
	(9, 'policy "Users can view own assets" on public.assets', 'alter policy "Users can view own assets" on public.assets using ((auth.uid() = user_id))'),
	(10, 'policy "Users can delete own generation jobs" on public.generation_jobs', 'alter policy "Users can delete own generation jobs" on public.generation_jobs using ((auth.uid() = user_id))'),
	(11, 'policy "Users can insert own generation jobs" on public.generation_jobs', 'alter policy "Users can insert own generation jobs" on public.generation_jobs with check ((auth.uid() = user_id))'),
	(12, 'policy "Users can update own generation jobs" on public.generation_jobs', 'alter policy "Users can update own generation jobs" on public.generation_jobs using ((auth.uid() = user_id)) with check ((auth.uid() = user_id))'),
	(13, 'policy "Users can view own generation jobs" on public.generation_jobs', 'alter policy "Users can view own generation jobs" on public.generation_jobs using ((auth.uid() = user_id))'),
	(14, 'policy "Users can delete own projects" on public.projects', 'alter policy "Users can delete own projects" on public.projects using ((auth.uid() = user_id))'),
	(15, 'policy "Users can insert own projects" on public.projects', 'alter policy "Users can insert own projects" on public.projects with check ((auth.uid() = user_id))'),
	(16, 'policy "Users can update own projects" on public.projects', 'alter policy "Users can update own projects" on public.projects using ((auth.uid() = user_id)) with check ((auth.uid() = user_id))'),
	(17, 'policy "Users can view own projects" on public.projects', 'alter policy "Users can view own projects" on public.projects using ((auth.uid() = user_id))'),
	(18, 'body of public.get_job_statistics(uuid)', 'CREATE OR REPLACE FUNCTION public.get_job_statistics(p_user_id uuid DEFAULT NULL::uuid)
 RETURNS TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
 LANGUAGE plpgsql
 SET search_path TO ''''
AS $function$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active(''public.generation_jobs'') then
        raise insufficient_privilege using message = ''the statistics of another user are not yours to read'';
    end if;
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from public.generation_jobs j where j.user_id = coalesce(p_user_id, (select auth.uid()))
         group by j.status order by j.status;
end $function$
'),
	(19, 'query of public.generation_job_summary', 'create or replace view public.generation_job_summary with (security_invoker=on) as  SELECT generation_jobs.user_id,
    generation_jobs.project_id,
    generation_jobs.status,
    count(*) AS job_count,
    sum(generation_jobs.cost_cents) AS total_cost_cents,
    avg(generation_jobs.cost_cents) AS avg_cost_cents,
    min(generation_jobs.created_at) AS first_job_at,
    max(generation_jobs.created_at) AS last_job_at
   FROM public.generation_jobs
  GROUP BY generation_jobs.user_id, generation_jobs.project_id, generation_jobs.status;'),
	(20, 'column public.generation_jobs.retry_count', 'alter table public.generation_jobs drop column retry_count'),
	(21, 'column public.generation_jobs.completed_at', 'alter table public.generation_jobs drop column completed_at'),
	(22, 'view public.stuck_jobs', 'drop view public.stuck_jobs');

INSERT INTO gjobs.workers VALUES
	('00000000-0000-0000-0000-0000000000d1', NULL, 'render-1', 'example', 4711, NULL, 2, '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00', NULL);

INSERT INTO public.assets VALUES
	('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'input', 'lifestyle', NULL, '1', '{}', NULL, NULL, NULL, 'shoe.png', '2026-11-27 11:02:19.241155+00', '2026-11-27 11:02:19.241155+00');

INSERT INTO public.generation_jobs VALUES
	('00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'lifestyle', '00000000-0000-0000-0000-0000000000a2', NULL, 200, '2026-01-04 16:00:00+00', '2026-11-27 11:02:19.242826+00', 0, NULL),
	('00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b0', '00000000-0000-0000-0000-0000000000b1', 'queued', 'lifestyle', NULL, NULL, 100, '2026-01-04 18:00:00+00', '2026-11-27 11:02:19.242826+00', 0, NULL),
	('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'packaging', NULL, NULL, 50, '2026-01-04 12:00:00+00', '2026-11-27 11:02:19.252619+00', 0, NULL),
	('00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'succeeded', 'main_white', NULL, NULL, 255, '2026-01-04 14:00:00+00', '2026-11-27 11:02:19.26227+00', 0, '2026-11-27 11:02:19.26227+00'),
	('00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'feature_callout', NULL, 'API timeout', 18, '2026-01-04 13:00:00+00', '2026-11-27 11:02:19.26337+00', 0, '2026-11-27 11:02:19.26337+00'),
	('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'lifestyle', NULL, 'API timeout', 30, '2026-01-04 17:00:00+00', '2026-11-27 11:02:19.26337+00', 0, '2026-11-27 11:02:19.26337+00');

INSERT INTO public.projects VALUES
	('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000a0', 'Autumn catalog', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-0000000000b0', 'Spring lookbook', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00');

SELECT pg_catalog.setval('gjobs.job_event_log_id_seq', 13, true);

SELECT pg_catalog.setval('gjobs.known_users_number_seq', 2, true);

SELECT pg_catalog.setval('gjobs.replaced_id_seq', 22, true);

SELECT pg_catalog.setval('gjobs.told_at', 1, false);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY gjobs.job_event_log
    ADD CONSTRAINT job_event_log_pkey PRIMARY KEY (transaction_id, id);

ALTER TABLE ONLY gjobs.job_leases
    ADD CONSTRAINT job_leases_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY gjobs.job_links
    ADD CONSTRAINT job_links_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY gjobs.job_starts
    ADD CONSTRAINT job_starts_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY gjobs.known_users
    ADD CONSTRAINT known_users_pkey PRIMARY KEY (number);

ALTER TABLE ONLY gjobs.made_tables
    ADD CONSTRAINT made_tables_pkey PRIMARY KEY (name);

ALTER TABLE ONLY gjobs.replaced
    ADD CONSTRAINT replaced_object_key UNIQUE (object);

ALTER TABLE ONLY gjobs.replaced
    ADD CONSTRAINT replaced_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

CREATE INDEX job_days_day ON gjobs.job_days USING btree (day);

CREATE INDEX job_days_project_id ON gjobs.job_days USING btree (project_id, day);

CREATE INDEX job_days_user_id ON gjobs.job_days USING btree (user_id, day);

CREATE INDEX job_event_log_job_id ON gjobs.job_event_log USING btree (job_id, id);

CREATE INDEX job_leases_expires_at ON gjobs.job_leases USING btree (expires_at);

CREATE INDEX job_links_repeats ON gjobs.job_links USING btree (repeats);

CREATE INDEX job_totals_project_id ON gjobs.job_totals USING btree (project_id, status);

CREATE INDEX job_totals_user_id ON gjobs.job_totals USING btree (user_id);

CREATE INDEX known_users_id ON gjobs.known_users USING btree (id);

CREATE INDEX gjobs_costs ON public.generation_jobs USING btree (cost_cents DESC, id DESC);

CREATE INDEX gjobs_newest ON public.generation_jobs USING btree (created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_project ON public.generation_jobs USING btree (project_id, created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_project_status ON public.generation_jobs USING btree (project_id, status, created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_status ON public.generation_jobs USING btree (status, created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_user ON public.generation_jobs USING btree (user_id, created_at DESC, id DESC);

CREATE INDEX gjobs_queue ON public.generation_jobs USING btree ("left"(mode, 200), created_at, id) WHERE (status = 'queued'::text);

CREATE INDEX gjobs_total ON public.generation_jobs USING btree ((
CASE
    WHEN ((status = ANY (ARRAY['succeeded'::text, 'failed'::text])) AND (LEAST(created_at, updated_at) > to_timestamp(('-62135596800'::bigint)::double precision)) AND (GREATEST(created_at, updated_at) < to_timestamp(('253402300799'::bigint)::double precision))) THEN (updated_at - created_at)
    ELSE NULL::interval
END) DESC NULLS LAST, id DESC);

CREATE INDEX gjobs_updated ON public.generation_jobs USING btree (updated_at DESC, id DESC);

CREATE INDEX idx_assets_created_at ON public.assets USING btree (created_at DESC);

CREATE INDEX idx_assets_kind ON public.assets USING btree (kind);

CREATE INDEX idx_assets_mode ON public.assets USING btree (mode);

CREATE INDEX idx_assets_project_id ON public.assets USING btree (project_id);

CREATE INDEX idx_assets_prompt_payload ON public.assets USING gin (prompt_payload);

CREATE INDEX idx_assets_source_asset_id ON public.assets USING btree (source_asset_id);

CREATE INDEX idx_assets_user_id ON public.assets USING btree (user_id);

CREATE INDEX idx_generation_jobs_created_at ON public.generation_jobs USING btree (created_at DESC);

CREATE INDEX idx_generation_jobs_input_asset_id ON public.generation_jobs USING btree (input_asset_id);

CREATE INDEX idx_generation_jobs_project_id ON public.generation_jobs USING btree (project_id);

CREATE INDEX idx_generation_jobs_status ON public.generation_jobs USING btree (status);

CREATE INDEX idx_generation_jobs_user_id ON public.generation_jobs USING btree (user_id);

CREATE INDEX idx_generation_jobs_user_status ON public.generation_jobs USING btree (user_id, status);

CREATE INDEX idx_projects_created_at ON public.projects USING btree (created_at DESC);

CREATE INDEX idx_projects_user_id ON public.projects USING btree (user_id);

CREATE TRIGGER record_leases AFTER UPDATE ON gjobs.job_leases REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_leases();

ALTER TABLE gjobs.job_leases ENABLE ALWAYS TRIGGER record_leases;

CREATE TRIGGER gjobs_complete BEFORE UPDATE ON public.generation_jobs FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION gjobs.complete_job();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_complete;

CREATE TRIGGER gjobs_complete_new BEFORE INSERT ON public.generation_jobs FOR EACH ROW WHEN (((new.status = ANY (ARRAY['succeeded'::text, 'failed'::text])) AND (new.completed_at IS NULL) AND (new.created_at = now()))) EXECUTE FUNCTION gjobs.complete_job();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_complete_new;

CREATE TRIGGER gjobs_count_deleted AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_deleted();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_deleted;

CREATE TRIGGER gjobs_count_inserted AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_inserted();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_inserted;

CREATE TRIGGER gjobs_count_truncated AFTER TRUNCATE ON public.generation_jobs FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_truncated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_truncated;

CREATE TRIGGER gjobs_count_updated AFTER UPDATE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_updated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_updated;

CREATE TRIGGER gjobs_know_new_owner AFTER UPDATE ON public.generation_jobs FOR EACH ROW WHEN ((old.user_id IS DISTINCT FROM new.user_id)) EXECUTE FUNCTION gjobs.know_owners();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_know_new_owner;

CREATE TRIGGER gjobs_know_owners AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.know_owners();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_know_owners;

CREATE TRIGGER gjobs_leases_dropped AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.drop_leases();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_leases_dropped;

CREATE TRIGGER gjobs_leases_truncated AFTER TRUNCATE ON public.generation_jobs FOR EACH STATEMENT EXECUTE FUNCTION gjobs.drop_leases();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_leases_truncated;

CREATE TRIGGER gjobs_record_changed AFTER UPDATE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_changed();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_record_changed;

CREATE TRIGGER gjobs_record_created AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_record_created;

CREATE TRIGGER gjobs_record_deleted AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_record_deleted;

CREATE TRIGGER gjobs_record_truncated BEFORE TRUNCATE ON public.generation_jobs FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_events();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_record_truncated;

CREATE TRIGGER gjobs_wake_workers AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.wake_workers();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_wake_workers;

CREATE TRIGGER update_assets_updated_at BEFORE UPDATE ON public.assets FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_generation_jobs_updated_at BEFORE UPDATE ON public.generation_jobs FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_projects_updated_at BEFORE UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE ONLY gjobs.known_users
    ADD CONSTRAINT known_users_id_fkey FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_source_asset_id_fkey FOREIGN KEY (source_asset_id) REFERENCES public.assets(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_input_asset_id_fkey FOREIGN KEY (input_asset_id) REFERENCES public.assets(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.alembic_version ENABLE ROW LEVEL SECURITY;

CREATE POLICY delete_own ON gjobs.job_leases FOR DELETE USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY delete_own ON gjobs.workers FOR DELETE USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY insert_own ON gjobs.job_leases FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY insert_own ON gjobs.job_links FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_links.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY insert_own ON gjobs.workers FOR INSERT WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));

ALTER TABLE gjobs.job_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_deltas ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_event_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_folding ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_leases ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_links ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_starts ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_totals ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.known_users ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.made_tables ENABLE ROW LEVEL SECURITY;

CREATE POLICY of_visible_jobs ON gjobs.job_event_log FOR SELECT USING (
CASE
    WHEN ( SELECT gjobs.rollups_agree() AS rollups_agree) THEN (user_number = ANY (ARRAY( SELECT k.number
       FROM gjobs.known_users k
      WHERE (k.id = ( SELECT auth.uid() AS uid)))))
    ELSE (EXISTS ( SELECT
       FROM public.generation_jobs j
      WHERE (j.id = job_event_log.job_id)))
END);

CREATE POLICY of_visible_jobs ON gjobs.job_leases FOR SELECT USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE (j.id = job_leases.job_id))));

CREATE POLICY of_visible_jobs ON gjobs.job_links FOR SELECT USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE (j.id = job_links.job_id))));

CREATE POLICY of_visible_jobs ON gjobs.job_starts FOR SELECT USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE (j.id = job_starts.job_id))));

CREATE POLICY own_rows ON gjobs.known_users FOR SELECT USING ((( SELECT auth.uid() AS uid) = id));

ALTER TABLE gjobs.replaced ENABLE ROW LEVEL SECURITY;

CREATE POLICY select_own ON gjobs.workers FOR SELECT USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY update_own ON gjobs.job_leases FOR UPDATE USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid)))))) WITH CHECK ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY update_own ON gjobs.workers FOR UPDATE USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));

ALTER TABLE gjobs.workers ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Users can delete own assets" ON public.assets FOR DELETE USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can delete own generation jobs" ON public.generation_jobs FOR DELETE USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can delete own projects" ON public.projects FOR DELETE USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can insert own assets" ON public.assets FOR INSERT WITH CHECK (((( SELECT auth.uid() AS uid) = user_id) AND gjobs.owns_project(project_id) AND gjobs.owns_asset(source_asset_id)));

CREATE POLICY "Users can insert own generation jobs" ON public.generation_jobs FOR INSERT WITH CHECK (((( SELECT auth.uid() AS uid) = user_id) AND gjobs.owns_project(project_id) AND gjobs.owns_asset(input_asset_id)));

CREATE POLICY "Users can insert own projects" ON public.projects FOR INSERT WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can update own assets" ON public.assets FOR UPDATE USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK (((( SELECT auth.uid() AS uid) = user_id) AND gjobs.owns_project(project_id) AND gjobs.owns_asset(source_asset_id)));

CREATE POLICY "Users can update own generation jobs" ON public.generation_jobs FOR UPDATE USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK (((( SELECT auth.uid() AS uid) = user_id) AND gjobs.owns_project(project_id) AND gjobs.owns_asset(input_asset_id)));

CREATE POLICY "Users can update own projects" ON public.projects FOR UPDATE USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can view own assets" ON public.assets FOR SELECT USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can view own generation jobs" ON public.generation_jobs FOR SELECT USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY "Users can view own projects" ON public.projects FOR SELECT USING ((( SELECT auth.uid() AS uid) = user_id));

ALTER TABLE public.assets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.generation_jobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.projects ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA auth TO anon;
GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT USAGE ON SCHEMA auth TO service_role;

GRANT USAGE ON SCHEMA gjobs TO PUBLIC;
GRANT USAGE ON SCHEMA gjobs TO anon;
GRANT USAGE ON SCHEMA gjobs TO authenticated;
GRANT USAGE ON SCHEMA gjobs TO service_role;

REVOKE ALL ON FUNCTION gjobs.acting_user() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.complete_job() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_inserted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_truncated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_updated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.drop_leases() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.fold_deltas(p_appended bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.know_owners() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.may_notify() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.record_changed() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.record_events() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.record_leases() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.recount_jobs() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.tell_listeners(p_job_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.wake_workers() FROM PUBLIC;

GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO anon;
GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO service_role;

GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO anon;
GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO service_role;

GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO anon;
GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO authenticated;
GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO service_role;

GRANT SELECT ON TABLE gjobs.job_counts TO PUBLIC;

GRANT SELECT ON TABLE gjobs.job_day_counts TO PUBLIC;

GRANT SELECT ON TABLE gjobs.job_event_log TO anon;
GRANT SELECT ON TABLE gjobs.job_event_log TO authenticated;
GRANT SELECT ON TABLE gjobs.job_event_log TO service_role;

GRANT SELECT ON TABLE gjobs.known_users TO anon;
GRANT SELECT ON TABLE gjobs.known_users TO authenticated;
GRANT SELECT ON TABLE gjobs.known_users TO service_role;

GRANT SELECT ON TABLE gjobs.job_events TO anon;
GRANT SELECT ON TABLE gjobs.job_events TO authenticated;
GRANT SELECT ON TABLE gjobs.job_events TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gjobs.job_leases TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gjobs.job_leases TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gjobs.job_leases TO anon;

GRANT SELECT,INSERT ON TABLE gjobs.job_links TO service_role;
GRANT SELECT,INSERT ON TABLE gjobs.job_links TO authenticated;
GRANT SELECT,INSERT ON TABLE gjobs.job_links TO anon;

GRANT SELECT ON TABLE gjobs.job_starts TO anon;
GRANT SELECT ON TABLE gjobs.job_starts TO authenticated;
GRANT SELECT ON TABLE gjobs.job_starts TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gjobs.workers TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gjobs.workers TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE gjobs.workers TO anon;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assets TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assets TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.assets TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.generation_jobs TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.generation_jobs TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.generation_jobs TO service_role;

GRANT SELECT ON TABLE public.generation_job_summary TO anon;
GRANT SELECT ON TABLE public.generation_job_summary TO authenticated;
GRANT SELECT ON TABLE public.generation_job_summary TO service_role;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO anon;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.projects TO service_role;

GRANT SELECT ON TABLE public.stuck_jobs TO anon;
GRANT SELECT ON TABLE public.stuck_jobs TO authenticated;
GRANT SELECT ON TABLE public.stuck_jobs TO service_role;
