-- A database at revision 0013, as PostgreSQL 15 dumped it. README.md says how it was made. The roles are the cluster's.
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

CREATE TYPE gjobs.job_cost_change AS (
	job_id uuid,
	old_user_id uuid,
	old_project_id uuid,
	old_day date,
	old_cents bigint,
	user_id uuid,
	project_id uuid,
	day date,
	cents bigint,
	queues boolean,
	finishes boolean,
	refunds boolean
);

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

CREATE FUNCTION gjobs.add_waste_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if tg_op = 'TRUNCATE' then
        truncate gjobs.waste_keys;
        return null;
    end if;
    execute format(
        'merge into gjobs.waste_keys t
         using (
             select * from (%s) q
              where failed_count <> 0 or failed_cents <> 0 or retry_count <> 0 or retry_cents <> 0 or all_cents <> 0
         ) d
            on (t.dimension, t.key_hash) = (d.dimension, d.key_hash) and t.key is not distinct from d.key
          when matched and t.failed_count + d.failed_count = 0 and t.failed_cents + d.failed_cents = 0
                   and t.retry_count + d.retry_count = 0 and t.retry_cents + d.retry_cents = 0 and t.all_cents + d.all_cents = 0 then
               delete
          when matched then
               update set failed_count = t.failed_count + d.failed_count, failed_cents = t.failed_cents + d.failed_cents,
                          retry_count = t.retry_count + d.retry_count, retry_cents = t.retry_cents + d.retry_cents,
                          all_cents = t.all_cents + d.all_cents
          when not matched then
               insert values (d.dimension, d.key, d.key_hash, d.failed_count, d.failed_cents, d.retry_count, d.retry_cents, d.all_cents)',
        gjobs.waste_key_query(tg_table_name, case tg_op
            when 'INSERT' then 'select *, 1 as sign from new_rows'
            when 'DELETE' then 'select *, -1 as sign from old_rows'
            else 'select *, 1 as sign from new_rows union all select *, -1 from old_rows'
        end)
    );
    return null;
end $$;

CREATE FUNCTION gjobs.archive_jobs(p_job_ids uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
    moved uuid[];
begin
    perform set_config('gjobs.archiving', 'on', true);
    with gone as (delete from public.generation_jobs j where j.id = any (p_job_ids) returning j.id)
    select array_agg(id) into moved from gone;
    perform set_config('gjobs.archiving', 'off', true);
    if (select count(*) from gjobs.archived_jobs a where a.id = any (moved) and a.archived_at = now()) < cardinality(moved) then
        raise exception using
            message = 'the archive did not take every job',
            hint = 'Its trigger on the jobs is disabled, or its rows are not yours to see.';
    end if;
    return query select unnest(moved);
end $$;

CREATE FUNCTION gjobs.begin_budget() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
    start constant date := gjobs.budget_period_start(new.period, (now() at time zone 'UTC')::date);
begin
    if tg_op = 'UPDATE' then
        delete from gjobs.budget_spending where budget_id = new.id;
        delete from gjobs.budget_charges where budget_id = new.id;
    end if;
    insert into gjobs.budget_spending (budget_id, period_start, spent_cents, is_counted)
    values (new.id, start, gjobs.count_spending(new, start), true);
    return null;
end $$;

CREATE FUNCTION gjobs.begin_budgets() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise feature_not_supported using message = 'budgets are set in transactions that are read committed';
    end if;
    lock table public.generation_jobs in share mode;
    return null;
end $$;

CREATE FUNCTION gjobs.budget_period_start(p_period text, p_day date) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO ''
    AS $$
    select case p_period
               when 'day' then p_day
               when 'month' then
                   case when isfinite(p_day) then date_trunc('month', greatest(p_day, '4713-01-01 BC')::timestamp)::date else p_day end
               else '-infinity'
           end
$$;

CREATE FUNCTION gjobs.charge_deleted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if exists (select from gjobs.budgets) then
        perform gjobs.charge_jobs(array_agg(row(change.*)::gjobs.job_cost_change))
           from (
               select o.id, o.user_id as old_user_id, o.project_id as old_project_id, (o.created_at at time zone 'UTC')::date as old_day,
                      greatest(coalesce(o.cost_cents, 0), 0)::bigint as old_cents,
                      null::uuid as user_id, null::uuid as project_id, null::date as day, null::bigint as cents,
                      false as queues, true as finishes, coalesce(o.status = 'queued', false) as refunds
                 from old_rows o
                where (o.user_id in (select b.user_id from gjobs.budgets b)
                       or o.project_id in (select b.project_id from gjobs.budgets b))
                  and (o.status = 'queued'
                       or exists (select from auth.users u where u.id = o.user_id)
                          and exists (select from public.projects p where p.id = o.project_id))
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.charge_inserted() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
    today   constant date := (clock_timestamp() at time zone 'UTC')::date;
    refunds boolean;
begin
    if exists (select from gjobs.budgets) then
        refunds := gjobs.may_refund();
        perform gjobs.charge_jobs(array_agg(row(change.*)::gjobs.job_cost_change))
           from (
               select id, null::uuid as old_user_id, null::uuid as old_project_id, null::date as old_day, null::bigint as old_cents,
                      user_id, project_id,
                      case when status in ('succeeded', 'failed') then coalesce((created_at at time zone 'UTC')::date, today)
                           else today end as day,
                      greatest(coalesce(cost_cents, 0), 0)::bigint as cents,
                      coalesce(status = 'queued' or status = 'running' and not refunds, false) as queues,
                      coalesce(status in ('succeeded', 'failed'), false) as finishes, refunds
                 from new_rows
                where user_id in (select b.user_id from gjobs.budgets b) or project_id in (select b.project_id from gjobs.budgets b)
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.charge_jobs(p_changes gjobs.job_cost_change[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
    today    constant date := (clock_timestamp() at time zone 'UTC')::date;
    -- Waits for a budget that is being deleted, then charges nothing to it.
    covering constant uuid[] := array(
        select b.id from gjobs.budgets b
         where b.user_id in (select unnest(array[c.user_id, c.old_user_id]) from unnest(p_changes) c)
            or b.project_id in (select unnest(array[c.project_id, c.old_project_id]) from unnest(p_changes) c)
         order by b.id for key share
    );
    charge   record;
    spent    bigint;
begin
    if covering = '{}' then
        return;
    end if;
    for charge in
        with pairs as (
            select c.job_id, b.id as budget_id
              from unnest(p_changes) c
             cross join lateral unnest(array[c.user_id, c.old_user_id]) as subject (id)
              join gjobs.budgets b on b.user_id = subject.id
             union
            select c.job_id, b.id
              from unnest(p_changes) c
             cross join lateral unnest(array[c.project_id, c.old_project_id]) as subject (id)
              join gjobs.budgets b on b.project_id = subject.id
        ), covered as (
            select b.id as budget_id, b.period, c.*, gjobs.budget_period_start(b.period, today) as present_start,
                   gjobs.budget_period_start(b.period, c.day) as new_start,
                   coalesce(b.user_id = c.old_user_id or b.project_id = c.old_project_id, false) as was_covered,
                   coalesce(b.user_id = c.user_id or b.project_id = c.project_id, false) as is_covered,
                   k.job_id is not null as has_charge, coalesce(k.period_start, s.period_start) as charged_start,
                   coalesce(k.cents, case when s.is_counted then c.old_cents end, 0) as charged_cents
              from pairs p
              join unnest(p_changes) c on c.job_id = p.job_id
              join gjobs.budgets b on b.id = p.budget_id and b.id = any (covering)
              left join gjobs.budget_charges k on k.budget_id = b.id and k.job_id = c.job_id
              left join gjobs.budget_spending s
                on k.job_id is null and s.is_counted and (b.user_id = c.old_user_id or b.project_id = c.old_project_id)
               and s.budget_id = b.id and s.period_start = gjobs.budget_period_start(b.period, c.old_day)
        ), decided as (
            select c.*,
                   case when c.queues and c.is_covered then c.present_start else coalesce(c.charged_start, c.new_start) end as next_start,
                   case when c.cents is null then case when c.refunds then null else c.charged_cents end
                        when not c.is_covered then case when c.refunds then null else c.charged_cents end
                        when c.queues then c.cents
                        when c.was_covered and c.cents = c.old_cents then c.charged_cents
                        when c.refunds and c.was_covered then c.cents
                        else greatest(c.charged_cents, c.cents) end as next_cents
              from covered c
        ), removed as (
            delete from gjobs.budget_charges k using decided d
             where k.budget_id = d.budget_id and k.job_id = d.job_id and d.next_cents is null
        ), kept as (
            insert into gjobs.budget_charges as k (budget_id, job_id, period_start, cents)
            select d.budget_id, d.job_id, d.next_start, d.next_cents from decided d
             where d.next_cents is not null and d.next_start is not null
               and (not d.has_charge or (d.next_start, d.next_cents) <> (d.charged_start, d.charged_cents))
            on conflict (budget_id, job_id) do update set period_start = excluded.period_start, cents = excluded.cents
        ), effects as (
            -- If a user queues a job again, its earlier charge is kept in addition to the new one.
            select budget_id, charged_start as period_start, finishes, false as queues, -charged_cents as cents
              from decided
             where charged_start is not null and (next_cents is null or not (queues and is_covered) or refunds)
            union all
            select budget_id, next_start, finishes, queues and is_covered, next_cents
              from decided where next_cents is not null and next_start is not null
        )
        select b.id, b.period, b.limit_cents, b.user_id, b.project_id, e.period_start, sum(e.cents)::bigint as cents,
               coalesce(sum(e.cents) filter (where not e.finishes), 0)::bigint as asked,
               bool_or(e.queues) as queues, coalesce(sum(e.cents) filter (where e.queues), 0)::bigint as queued
          from effects e
          join gjobs.budgets b on b.id = e.budget_id
         group by b.id, e.period_start
        having sum(e.cents) <> 0 or coalesce(sum(e.cents) filter (where not e.finishes), 0) > 0 or bool_or(e.queues)
         order by b.id, e.period_start
    loop
        insert into gjobs.budget_spending as s (budget_id, period_start, spent_cents)
        values (charge.id, charge.period_start, greatest(charge.cents, 0))
            on conflict (budget_id, period_start) do update set spent_cents = greatest(s.spent_cents + charge.cents, 0)
        returning s.spent_cents into spent;
        if charge.asked > 0 and spent > charge.limit_cents
           or charge.queues and spent - charge.queued >= charge.limit_cents then
            raise exception using
                errcode = 'GJ001',
                message = format(
                    'the %s budget of %s %s has %s cents: %s are spent and %s were asked',
                    case charge.period when 'all' then 'total' when 'day' then 'daily' else 'monthly' end,
                    case when charge.user_id is null then 'project' else 'user' end,
                    coalesce(charge.user_id, charge.project_id),
                    charge.limit_cents, spent - charge.cents, charge.asked
                ),
                detail = jsonb_build_object(
                    'budget_id', charge.id, 'user_id', charge.user_id, 'project_id', charge.project_id,
                    'period', charge.period, 'period_start', nullif(charge.period_start, '-infinity'),
                    'limit_cents', charge.limit_cents, 'spent_cents', spent - charge.cents, 'asked_cents', charge.asked
                );
        end if;
    end loop;
end $$;

CREATE FUNCTION gjobs.charge_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if not gjobs.may_refund() then
        return null;
    end if;
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.budget_spending where true;
        delete from gjobs.budget_charges where true;
    else
        truncate gjobs.budget_spending, gjobs.budget_charges;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.charge_updated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
    today   constant date := (clock_timestamp() at time zone 'UTC')::date;
    refunds boolean;
begin
    if exists (select from gjobs.budgets)
       and ((select count(*) from (select from new_rows limit 2) n) <> 1
            or exists (select from old_rows o cross join new_rows n
                        where (o.id, o.user_id, o.project_id, o.created_at, o.cost_cents)
                              is distinct from (n.id, n.user_id, n.project_id, n.created_at, n.cost_cents)
                           or n.status = 'queued' and o.status is distinct from 'queued'
                           or n.status = 'running' and (o.status in ('queued', 'running')) is not true and not gjobs.may_refund()))
    then
        refunds := gjobs.may_refund();
        perform gjobs.charge_jobs(array_agg(row(change.*)::gjobs.job_cost_change))
           from (
               select coalesce(n.id, o.id) as id, o.user_id as old_user_id, o.project_id as old_project_id,
                      (o.created_at at time zone 'UTC')::date as old_day,
                      case when o.id is not null then greatest(coalesce(o.cost_cents, 0), 0)::bigint end as old_cents,
                      n.user_id, n.project_id,
                      case when n.status in ('succeeded', 'failed') then coalesce((n.created_at at time zone 'UTC')::date, today)
                           else today end as day,
                      case when n.id is not null then greatest(coalesce(n.cost_cents, 0), 0)::bigint end as cents,
                      move.queues,
                      coalesce(n.status in ('succeeded', 'failed') and (o.status in ('succeeded', 'failed')) is not true, false)
                          as finishes,
                      case when n.id is null then coalesce(o.status = 'queued', false) else refunds end as refunds
                 from old_rows o
                 full join new_rows n on n.id = o.id
                cross join lateral (select coalesce(
                          n.status = 'queued' and o.status is distinct from 'queued'
                          or n.status = 'running' and not refunds and (o.status in ('queued', 'running')) is not true, false) as queues
                      ) move
                where ((o.user_id, o.project_id, o.created_at, o.cost_cents)
                       is distinct from (n.user_id, n.project_id, n.created_at, n.cost_cents) or move.queues)
                  and (o.user_id in (select b.user_id from gjobs.budgets b) or n.user_id in (select b.user_id from gjobs.budgets b)
                       or o.project_id in (select b.project_id from gjobs.budgets b)
                       or n.project_id in (select b.project_id from gjobs.budgets b))
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.check_budget(p_project_id uuid, p_cents bigint) RETURNS TABLE(budget_id uuid, period text, limit_cents bigint, spent_cents bigint, asked_cents bigint, allowed boolean)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select b.id, b.period, b.limit_cents, b.spent_cents, greatest(p_cents, 0),
           b.spent_cents < b.limit_cents and b.spent_cents + greatest(p_cents, 0) <= b.limit_cents
      from gjobs.budget_states b
     where b.project_id = p_project_id
        or b.user_id = (select p.user_id from public.projects p where p.id = p_project_id)
     order by b.id
$$;

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
    -- The lease is written before the update, because the update's event names the lease's owner. A job that was queued again may still
    -- have a lease.
    insert into gjobs.job_leases as l (job_id, owner, attempt, acquired_at, expires_at)
    select chosen_id, p_owner, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => p_lease_seconds)
      from unnest(chosen) as chosen_id
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

CREATE TABLE gjobs.budgets (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    project_id uuid,
    period text NOT NULL,
    limit_cents bigint NOT NULL,
    warn_share numeric DEFAULT 0.8 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT budgets_check CHECK ((num_nonnulls(user_id, project_id) = 1)),
    CONSTRAINT budgets_limit_cents_check CHECK ((limit_cents >= 0)),
    CONSTRAINT budgets_period_check CHECK ((period = ANY (ARRAY['day'::text, 'month'::text, 'all'::text]))),
    CONSTRAINT budgets_warn_share_check CHECK (((warn_share > (0)::numeric) AND (warn_share <= (1)::numeric)))
);

CREATE FUNCTION gjobs.count_spending(p_budget gjobs.budgets, p_period_start date) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
declare
    cents    bigint;
    negative bigint := (
        select coalesce(sum(j.cost_cents), 0) from public.generation_jobs j
         where j.cost_cents < 0 and (j.user_id = p_budget.user_id or j.project_id = p_budget.project_id)
           and gjobs.budget_period_start(p_budget.period, (j.created_at at time zone 'UTC')::date) = p_period_start
    );
begin
    if p_budget.user_id is not null then
        cents := (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                   where d.user_id = p_budget.user_id and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
    else
        cents := (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                   where d.project_id = p_budget.project_id and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
    end if;
    return cents - negative;
end $$;

CREATE FUNCTION gjobs.count_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.job_deltas where true;
        delete from gjobs.job_totals where true;
        delete from gjobs.job_days where true;
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

CREATE FUNCTION gjobs.count_waste() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'gjobs', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
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

CREATE FUNCTION gjobs.drop_leases() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if tg_op = 'DELETE' then
        delete from gjobs.job_leases l using old_rows o where l.job_id = o.id;
    else
        delete from gjobs.job_leases where true;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.error_group(p_error text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
begin
    return (
select left(encode(sha256(convert_to(found.fingerprint, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)), 'hex'), 10) from (
select (
SELECT btrim(left(line, 200), ' ') FROM (
SELECT regexp_replace(line, E'#(?::#)?(?:[,;] ?#(?::#)?)+', E'#', 'g') AS line FROM (
SELECT CASE WHEN line ~ E'(?:HTTP |rror |/1[.]1 |TP/2 |(?:[Cc]ode|atus)\\"?[ =:] ?|urned |with |[(])[1-5][0-9]{2}(?![0-9A-Za-z])|(?:exit|with) code -?[0-9]|(?<![^ =:(\\[\\"''])[A-Z][0-9]{4}(?![0-9A-Za-z])' THEN regexp_replace(line, E'(?:(?<![0-9A-Za-z_)>#.+\\]-])[+-])?(?<![0-9])(?!(?:(?:(?<=HTTP |rror |/1[.]1 |TP/2 |[Cc]ode[ =:]|atus[ =:])|(?<=[Cc]ode: |[Cc]ode\\":|atus: |atus\\":)|(?<=[Cc]ode\\": |atus\\": ))[1-5][0-9]{2}|(?<=exit code |with code |xit code -|ith code -)[0-9]{1,2}|(?:(?<=with )|(?<=urned ))[1-5][0-9]{2}(?:(?= (?:[A-Z][a-z]{2}|- |for |from )|[;:)\\"'']|, [a-z]|[.] )|(?![.].|[^.]))|(?<=iled [(])[1-5][0-9]{2}(?=[)])|(?<=[(])(?<!iled [(])[1-5][0-9]{2}(?=[)](?::|(?!.)))|(?<=[A-Z])(?<![^ =:(\\[\\"''][A-Z])[0-9]{4})(?![0-9A-Za-z]|[.,][0-9]))[0-9]+(?:[.,][0-9]+)*(?:[Ee][+-]?[0-9]+)?(?:(?:x[0-9]+)+|(?:st|nd|rd|th)(?![0-9A-Za-z])|(?:[dhm][0-9]+)*(?:[.][0-9]+)?(?: ?(?:ms|us|ns|s|secs?|mins?|hrs?|(?:milli|micro)?seconds?|minutes?|hours?|days?|[KMGTkmgt]i?[Bb]|[Bb]ytes?)|[mhB])(?![0-9A-Za-z]))?', E'#', 'g') ELSE regexp_replace(line, E'(?:(?<![0-9A-Za-z_)>#.+\\]-])[+-])?[0-9]+(?:[.,][0-9]+)*(?:[Ee][+-]?[0-9]+)?(?:(?:x[0-9]+)+|(?:st|nd|rd|th)(?![0-9A-Za-z])|(?:[dhm][0-9]+)*(?:[.][0-9]+)?(?: ?(?:ms|us|ns|s|secs?|mins?|hrs?|(?:milli|micro)?seconds?|minutes?|hours?|days?|[KMGTkmgt]i?[Bb]|[Bb]ytes?)|[mhB])(?![0-9A-Za-z]))?', E'#', 'g') END AS line FROM (
SELECT CASE WHEN line ~ E'[0-9*]' THEN regexp_replace(regexp_replace(regexp_replace(regexp_replace(line, E'(?<![0-9A-Za-z])((?:req|resp|msg|pred|chatcmpl|cmpl|asst|evt|cus|acct|sess|txn|usr|thread|trace|span|run|org|proj|job|task|batch)[_-])(?=[0-9A-Za-z]{6})(?:[0-9]+[A-Za-z]|[A-Za-z]+[0-9])[0-9A-Za-z]*(?![0-9A-Za-z])', E'\\1#', 'g'), E'(?<![0-9A-Za-z])(?=[0-9A-Fa-f]{7})(?:[0-9]+[A-Fa-f]|[A-Fa-f]+[0-9])[0-9A-Fa-f]*(?![0-9A-Za-z])|(?<=/)(?=[0-9A-Fa-f]{4,6}[/.])(?:[0-9]+[A-Fa-f]|[A-Fa-f]+[0-9])[0-9A-Fa-f]*(?![0-9A-Za-z])|(?<=#)[0-9A-Fa-f]{6}(?![0-9A-Za-z])', E'#', 'g'), E'(?<![0-9A-Za-z])(?=[0-9A-Za-z]{8})[A-Za-z]*[0-9]+[A-Za-z]+[0-9][0-9A-Za-z]*(?:[.][0-9]+s)?(?![0-9A-Za-z])', E'#', 'g'), E'(?<![0-9A-Za-z])(?=[0-9A-Za-z]{16})(?:[A-Za-z]+[0-9][A-Za-z]*[0-9]|[0-9]{2,}[A-Za-z])[0-9A-Za-z]*(?![0-9A-Za-z])', E'#', 'g') ELSE line END AS line FROM (
SELECT CASE WHEN line ~ E'[0-9A-Fa-f:]:[0-9A-Fa-f]' THEN regexp_replace(line, E'(?<![0-9A-Za-z:.])(?:::(?:1(?![0-9A-Za-z])|(?=:[0-9]))|(?!::1(?![0-9A-Za-z])|:::[0-9])(?=[0-9A-Fa-f:]*::[0-9A-Fa-f])(?=[A-Fa-f:]*[0-9])[0-9A-Fa-f:]{2,}[0-9A-Fa-f](?:[.][0-9]+){0,3}(?![0-9A-Za-z]|:[0-9A-Za-z:])|[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){3,7}(?::[0-9]{1,5})?(?![0-9A-Za-z]|:[0-9A-Za-z:]))', E'#', 'g') ELSE line END AS line FROM (
SELECT CASE WHEN line ~ E'[0-9*]' THEN regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(line, E'(?<![0-9A-Za-z_-])(?:[0-9A-Za-z_-]*[*]{3,}[0-9A-Za-z_*-]*|eyJ[0-9A-Za-z_-]{5,}(?:[.][0-9A-Za-z_-]+){1,2}|(?:AIza|A[KS]IA|gh[a-z]_|github_pat_|sk[_-]|xox[a-z]-)[0-9A-Za-z_-]{12,})', E'#', 'g'), E'base64,[0-9A-Za-z+/_-]+=?=?|(?<![0-9A-Za-z+/_-])(?:[0-9A-Za-z+/_-]{16,}==|[0-9A-Za-z+/_-]{40,}=)', E'#', 'g'), E'[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}', E'#', 'g'), E'(?<![0-9A-Za-z_-])(?![0-9A-Za-z_-]*[a-z]{6})(?=[0-9A-Za-z_-]*[0-9])(?=[0-9A-Za-z_-]*[A-Z])(?=[0-9A-Za-z_-]*[a-z])[0-9A-Za-z_-]{21}(?![0-9A-Za-z_-])', E'#', 'g'), E'(?<![0-9A-Za-z])(?:(?:[a-z]{3}[0-9]::)+[0-9a-z]{5}-[0-9]{10,13}-[0-9a-f]{12}|[0-9a-f]{16}-[A-Z]{3})(?![0-9A-Za-z])', E'#', 'g'), E'-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}(?![0-9A-Za-z])|(?<![0-9A-Za-z_])tmp(?=[a-z_]*[0-9])[0-9a-z_]{8}(?![0-9A-Za-z_])|(?<![0-9A-Za-z])0[Xx][0-9A-Fa-f]+(?![0-9A-Za-z])', E'#', 'g') ELSE line END AS line FROM (
SELECT CASE WHEN line ~ E'[0-9]:[0-9]{2}|[0-9]{4}[/-][0-9]{2}[/-]|[0-9]T[0-9]|[0-9]/[0-9]{1,2}/[0-9]|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* [0-9]|[0-9][a-z]{0,2}[ /-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)' THEN regexp_replace(regexp_replace(line, E'[0-9]{4}[/-][0-9]{2}[/-][0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?Z| ?[+-][0-9]{2}(?::?[0-9]{2})?)?)?|(?<![0-9A-Za-z])[0-9]{8}T[0-9]{6}(?:[.][0-9]+)?Z?(?![0-9A-Za-z])|(?<![0-9A-Za-z])[0-9]{1,2}(?:st|nd|rd|th)?[ /-](?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)(?![A-Za-z])(?:,?[ /-][0-9]{4}(?![0-9A-Za-z])|-[0-9]{2}(?![0-9A-Za-z:]))?(?::[0-9]{2}:[0-9]{2}:[0-9]{2})?|(?<![0-9A-Za-z])(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)(?![A-Za-z]) [0-9]{1,2}(?:st|nd|rd|th)?(?![0-9A-Za-z])(?:,? [0-9]{4}(?![0-9A-Za-z]))?|(?<![0-9A-Za-z/])[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}(?:[0-9]{2})?(?![0-9A-Za-z/])|(?<![0-9:])[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?(?: ?(?:[AP]M|[ap]m|[ap][.]m[.])(?![0-9A-Za-z]))?(?![0-9A-Fa-f:])|(?: ?(?:[AP]M|[ap]m|[ap][.]m[.])(?![0-9A-Za-z])))', E'<time>', 'g'), E'(?:(?<![A-Za-z])(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?<time>(?:(?: |, | at )<time>(?:(?: ?(?:UTC|GMT|CES?T|[ECMP][SD]T|BST|IST|JST)(?![A-Za-z]))? [0-9]{4}(?![0-9A-Za-z]))?)?(?: ?(?:UTC|GMT|CES?T|[ECMP][SD]T|BST|IST|JST)(?![A-Za-z]))?(?: ?[+-][0-9]{2}:?[0-9]{2}(?![0-9A-Za-z]))?(?: [(][A-Z][A-Za-z ]* Time[)])?', E'<time>', 'g') ELSE line END AS line FROM (
SELECT regexp_replace(regexp_replace(regexp_replace(line, E'[ \\t\\n\\r\\f\\v]{2,}|[\\t\\n\\r\\f\\v]', E' ', 'g'), E'(://[^ ?#\\"''<>]*(?=[?#])|/[^ ?#\\"''<>]*(?=[?][0-9A-Za-z_.-]+=))[?#](?:[^ \\"''<>)]*[^ \\"''<>),.:;])?', E'\\1', 'g'), E'(?<![0-9A-Za-z._+-])[0-9A-Za-z._+-]+(?:''[0-9A-Za-z._+-]+)*@[0-9A-Za-z](?:[0-9A-Za-z-]*\\.)+[A-Za-z]+(?![0-9A-Za-z-])', E'<email>', 'g') AS line FROM (
SELECT left(coalesce(
           CASE WHEN strpos(message, 'Traceback (most recent call last):') > 0 THEN substring(right(message, strpos(reverse(message), reverse('Traceback (most recent call last):')) - 1), E'[\\n\\r]((?:(?=(?:[^\\n\\r]*(?:validation errors? for |Command failed: )|Error[\\n\\r]))[^ \\t\\n\\r][^\\n\\r]*(?:[\\n\\r][ \\t\\n\\r]*(?!at |File |note: )[^ \\t\\n\\r][^\\n\\r]*)?|(?!(?:[^\\n\\r]*(?:validation errors? for |Command failed: )|Error[\\n\\r]))[^ \\t\\n\\r][^\\n\\r]*(?:(?:(?<=:)|(?<=: ))(?:[\\n\\r][ \\t\\n\\r]*(?!note: )[A-Za-z_]+(?::| =) [^\\n\\r]*(?:[\\n\\r][ \\t\\n\\r]*(?!note: )[A-Za-z_]+(?::| =) [^\\n\\r]*)?|(?![\\n\\r][ \\t\\n\\r]*(?!note: )[A-Za-z_]+(?::| =) [^\\n\\r]*)[\\n\\r][ \\t\\n\\r]*(?!at |File |note: )[^ \\t\\n\\r][^\\n\\r]*(?:(?<=:)[\\n\\r][ \\t\\n\\r]*(?!at |File |note: )[^ \\t\\n\\r][^\\n\\r]*)?))?))') END,
           substring(ltrim(message, chr(32) || chr(9) || chr(10) || chr(13)), E'^(?:(?:[!-@\\u005b-\\u0060{-~][\\t -@\\u005b-\\u0060{-~]*(?:(?<=```)[a-z]+[ \\t]*)?[\\n\\r][ \\t\\n\\r]*(?=[^ \\t\\n\\r])){3}|(?:[!-@\\u005b-\\u0060{-~][\\t -@\\u005b-\\u0060{-~]*(?:(?<=```)[a-z]+[ \\t]*)?[\\n\\r][ \\t\\n\\r]*(?=[^ \\t\\n\\r])){0,2}(?![!-@\\u005b-\\u0060{-~][\\t -@\\u005b-\\u0060{-~]*(?:(?<=```)[a-z]+[ \\t]*)?[\\n\\r][ \\t\\n\\r]*(?=[^ \\t\\n\\r])))((?:(?=(?:[^\\n\\r]*(?:validation errors? for |Command failed: )|Error[\\n\\r]))[^ \\t\\n\\r][^\\n\\r]*(?:[\\n\\r][ \\t\\n\\r]*(?!at |File |note: )[^ \\t\\n\\r][^\\n\\r]*)?|(?!(?:[^\\n\\r]*(?:validation errors? for |Command failed: )|Error[\\n\\r]))[^ \\t\\n\\r][^\\n\\r]*(?:(?:(?<=:)|(?<=: ))(?:[\\n\\r][ \\t\\n\\r]*(?!note: )[A-Za-z_]+(?::| =) [^\\n\\r]*(?:[\\n\\r][ \\t\\n\\r]*(?!note: )[A-Za-z_]+(?::| =) [^\\n\\r]*)?|(?![\\n\\r][ \\t\\n\\r]*(?!note: )[A-Za-z_]+(?::| =) [^\\n\\r]*)[\\n\\r][ \\t\\n\\r]*(?!at |File |note: )[^ \\t\\n\\r][^\\n\\r]*(?:(?<=:)[\\n\\r][ \\t\\n\\r]*(?!at |File |note: )[^ \\t\\n\\r][^\\n\\r]*)?))?))'), ''), 300) AS line FROM (
SELECT CASE
           WHEN left(ltrim(head, chr(32) || chr(9) || chr(10) || chr(13)), 5) IN (E'<!DOC', E'<!doc', E'<?xml', E'<html', E'<HTML', E'<head', E'<HEAD', E'<Erro')
               THEN coalesce(nullif(ltrim(regexp_replace(left(head, 1500), E'<(?:(?:script|style)[^<>]*>[^<]*</(?:script|style)>|[^<>]*(?:>|(?![<>]|[^<>])))', chr(10), 'g'), chr(32) || chr(9) || chr(10) || chr(13)), ''), head)
           WHEN head ~ E'^[ \\t\\n\\r]*(?:```[a-z]*[ \\t\\n\\r]*)?(?:\\{|\\[[ \\t\\n\\r]*[\\[{\\"])'
               THEN coalesce(coalesce(translate(substring(head, E'\\"(status(?:_?[Cc]ode)?\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*[1-5][0-9]{2}(?![0-9A-Za-z.])|loc\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\[[^\\]]*\\])'), chr(32) || chr(9) || chr(10) || chr(13) || chr(34), '') || ' ', '') || coalesce(CASE WHEN getdatabaseencoding() = 'UTF8' OR strpos(substring(head, E'\\"message\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)'), E'\\u') = 0 THEN CAST('"' || substring(head, E'\\"message\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') || '"' AS json) #>> '{}' ELSE substring(head, E'\\"message\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') END, CASE WHEN getdatabaseencoding() = 'UTF8' OR strpos(substring(head, E'\\"(?:error|detail|details|msg|reason|description|title)\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)'), E'\\u') = 0 THEN CAST('"' || substring(head, E'\\"(?:error|detail|details|msg|reason|description|title)\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') || '"' AS json) #>> '{}' ELSE substring(head, E'\\"(?:error|detail|details|msg|reason|description|title)\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') END),
                            translate(head, chr(10) || chr(13), '  '))
           WHEN strpos(head, 'Traceback (most recent call last):') > 0 THEN right(p_error, 4000)
           ELSE head END AS message FROM (
SELECT left(p_error, 4000) AS head OFFSET 0) heads OFFSET 0) messages OFFSET 0) lines OFFSET 0) lines OFFSET 0) lines OFFSET 0) lines OFFSET 0) lines OFFSET 0) lines OFFSET 0) lines OFFSET 0) replaced) as fingerprint offset 0) found);
exception when others then
    return left(encode(sha256(''), 'hex'), 10);
end $$;

COMMENT ON FUNCTION gjobs.error_group(p_error text) IS 'error groups of revision 0013';

CREATE FUNCTION gjobs.finish_jobs(p_owner uuid, p_job_ids uuid[], p_attempts integer[], p_statuses text[], p_errors text[], p_costs integer[]) RETURNS SETOF uuid
    LANGUAGE plpgsql ROWS 10
    SET search_path TO ''
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '2s'
    AS $$
declare
    running uuid[];
begin
    if exists (select from unnest(p_statuses) as status where status is null or status not in ('succeeded', 'failed')) then
        raise check_violation using message = 'a job ends as succeeded or failed';
    end if;
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
    -- The lease is deleted after the update, because the update's event names the lease's owner.
    delete from gjobs.job_leases l
     where l.job_id = any (p_job_ids) and l.owner = p_owner
       and (l.job_id, l.attempt) in (select ended.job_id, ended.attempt from unnest(p_job_ids, p_attempts) as ended (job_id, attempt));
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

CREATE FUNCTION gjobs.fold_waste(p_appended bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET enable_nestloop TO 'on'
    AS $$
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

CREATE FUNCTION gjobs.further_columns() RETURNS TABLE(name text, written text, read text)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $_$
    select attname::text,
           format('case when j.%1$I is distinct from null then format(''%%s'', j.%1$I) end', attname),
           format('case when a.further ? %1$L then (a.further ->> %1$L)::%2$s else %3$s end', attname,
                  format_type(atttypid, atttypmod),
                  case when attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence('public.generation_jobs', attname))
                       else coalesce(pg_get_expr(adbin, adrelid), 'null') end)
      from pg_attribute
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where attrelid = 'public.generation_jobs'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
       and attname not in ('id', 'user_id', 'project_id', 'status', 'mode', 'input_asset_id', 'error', 'cost_cents', 'created_at',
                           'updated_at', 'retry_count', 'completed_at')
     order by attnum
$_$;

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
             cross join lateral (
                   select l.job_id from gjobs.job_leases l
                    where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner
                      for no key update skip locked
                   ) l
        )
        update gjobs.job_leases l set owner = null, attempt = l.attempt - 1, expires_at = now(), note = null
         where l.job_id = any (array(select held.job_id from held))
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

CREATE FUNCTION gjobs.list_day_waste() RETURNS TABLE(user_id uuid, project_id uuid, day date, has_failed boolean, job_count bigint, cost_cents bigint)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path TO ''
    AS $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, (j.created_at at time zone 'UTC')::date as utc_day, j.status is not distinct from 'failed' as failed,
                   count(*), coalesce(sum(j.cost_cents), 0)::bigint
              from public.generation_jobs j
             where j.status = 'failed' or j.retry_count > 0
             group by j.user_id, j.project_id, utc_day, failed;
    end if;
end $$;

CREATE FUNCTION gjobs.list_waste() RETURNS TABLE(user_id uuid, project_id uuid, mode text, error_group text, job_count bigint, cost_cents bigint)
    LANGUAGE plpgsql STABLE ROWS 10
    SET search_path TO ''
    SET enable_nestloop TO 'off'
    AS $$
begin
    if not gjobs.rollups_agree() then
        return query
            with errors as materialized (
                select e.error, gjobs.error_group(e.error) as its_group
                  from (select distinct coalesce(j.error::text, '') as error from public.generation_jobs j where j.status = 'failed') e
            )
            select j.user_id, j.project_id, j.mode::text as its_mode, coalesce(e.its_group, '') as its_group, count(*),
                   coalesce(sum(j.cost_cents), 0)::bigint
              from public.generation_jobs j
              left join errors e on j.status = 'failed' and e.error = coalesce(j.error::text, '')
             where j.status = 'failed' or j.retry_count > 0
             group by j.user_id, j.project_id, its_mode, e.its_group;
    end if;
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

CREATE FUNCTION gjobs.may_refund() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
declare
    actor_role constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    if exists (
           select from pg_roles r cross join pg_class c
            where r.rolname = actor_role and c.oid = 'public.generation_jobs'::regclass
              and (r.rolsuper or r.rolbypassrls or pg_has_role(r.oid, c.relowner, 'usage'))
       ) then
        return true;
    end if;
    return actor_role not in ('anon', 'authenticated') and auth.uid() is null;
exception when invalid_text_representation then
    -- The claims do not contain a user's id.
    return false;
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
             cross join lateral (
                   select l.job_id from gjobs.job_leases l
                    where l.job_id = told.job_id and l.attempt = told.attempt and l.owner = p_owner
                      for no key update skip locked
                   ) l
        )
        update gjobs.job_leases l set note = (select held.note from held where held.job_id = l.job_id limit 1)
         where l.job_id = any (array(select held.job_id from held))
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
declare
    running uuid[];
begin
    -- From here on no other session can take these jobs over.
    running := array(
        select j.id from public.generation_jobs j
         where j.id = any (p_job_ids) and j.status || '' = 'running' order by j.id for no key update
    );
    -- The update comes before the lease is released, because the update's event names the lease's owner.
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
        -- The trigger fires before the truncation, under its lock.
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
    update gjobs.job_folding set folded_at = clock_timestamp() where true;
    delete from gjobs.job_deltas where true;
    delete from gjobs.job_totals where true;
    delete from gjobs.job_days where true;
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
            -- Ordered by day, so that the newest days, which the charts show, lie together.
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

CREATE FUNCTION gjobs.recount_waste() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET row_security TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_nestloop TO 'off'
    AS $$
begin
    if current_setting('transaction_isolation') <> 'repeatable read' or not pg_try_advisory_xact_lock(1735353442, 2) then
        raise object_not_in_prerequisite_state using message = 'the jobs are counted in a REPEATABLE READ transaction that folds alone';
    end if;
    update gjobs.job_folding set folded_at = clock_timestamp() where true;
    delete from gjobs.waste_deltas where true;
    delete from gjobs.waste_totals where true;
    delete from gjobs.waste_days where true;
    with errors as materialized (
        select e.error, gjobs.error_group(e.error) as error_group
          from (select distinct coalesce(error::text, '') as error from public.generation_jobs where status = 'failed') e
    ), counted as materialized (
        select j.user_id, j.project_id, j.mode, (j.created_at at time zone 'UTC')::date as day,
               coalesce(e.error_group, '') as its_group, count(*) as job_count, coalesce(sum(j.cost_cents), 0) as cost_cents
          from public.generation_jobs j
          left join errors e on j.status = 'failed' and e.error = coalesce(j.error::text, '')
         where j.status = 'failed' or j.retry_count > 0
         group by j.user_id, j.project_id, j.mode, day, its_group
    ), days as (
        insert into gjobs.waste_days
        select user_id, project_id, day, its_group <> '' as has_failed, sum(job_count), sum(cost_cents)
          from counted group by user_id, project_id, day, has_failed order by day
    )
    insert into gjobs.waste_totals
    select user_id, project_id, mode, its_group, sum(job_count), sum(cost_cents)
      from counted group by user_id, project_id, mode, its_group;
end $$;

CREATE FUNCTION gjobs.recount_waste_keys() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET row_security TO 'off'
    AS $$
begin
    delete from gjobs.waste_keys where true;
    insert into gjobs.waste_keys select * from gjobs.sum_waste_keys();
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
         cross join lateral (
               select l.job_id from gjobs.job_leases l
                where l.job_id = kept.job_id and l.attempt = kept.attempt and l.owner = p_owner
                  for no key update skip locked
               ) l
    )
    update gjobs.job_leases l set expires_at = clock_timestamp() + make_interval(secs => p_lease_seconds)
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

CREATE FUNCTION gjobs.restore_jobs(p_job_ids uuid[]) RETURNS SETOF uuid
    LANGUAGE plpgsql
    SET search_path TO ''
    SET "DateStyle" TO 'ISO, YMD'
    SET "IntervalStyle" TO 'postgres'
    SET "TimeZone" TO 'UTC'
    SET lc_monetary TO 'C'
    AS $_$
declare
    lost  record;
    moved uuid[];
begin
    perform set_config('gjobs.restoring', 'on', true);
    execute format($insert$
        with restored as (
            insert into public.generation_jobs
                   (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                    completed_at%s)
                   overriding system value
            select a.id, a.user_id, a.project_id, a.status, a.mode, (select s.id from public.assets s where s.id = a.input_asset_id),
                   a.error, a.cost_cents, a.created_at, a.updated_at, a.retry_count, a.completed_at%s
              from gjobs.archived_jobs a where a.id = any ($1)
            returning id
        )
        select array_agg(id) from restored
    $insert$, (select string_agg(format(', %I', name), '') from gjobs.further_columns()),
              (select string_agg(', ' || read, '') from gjobs.further_columns())) into moved using p_job_ids;
    perform set_config('gjobs.restoring', 'off', true);
    select a.id into lost from gjobs.archived_jobs a where a.id = any (moved) limit 1;
    if found then
        raise exception using
            message = format('the job %s did not come back as it was', lost.id),
            hint = 'A trigger of the database''s own changes new jobs: ask its owner.';
    end if;
    return query select unnest(moved);
end $_$;

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

CREATE FUNCTION gjobs.sees_own_jobs() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
    if not has_table_privilege('public.generation_jobs', 'select') then
        return false;
    end if;
    return not row_security_active('public.generation_jobs')
        or coalesce((
               select bool_and(p.polpermissive)
                      and bool_or(pg_get_expr(p.polqual, p.polrelid) in (
                              '(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
                              '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))', 'true'
                          ))
                 from pg_policy p
                where p.polrelid = 'public.generation_jobs'::regclass and p.polcmd in ('r', '*')
                  and exists (select from unnest(p.polroles) as role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage'))
           ), false);
end $$;

CREATE FUNCTION gjobs.store_archived() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET "DateStyle" TO 'ISO, YMD'
    SET "IntervalStyle" TO 'postgres'
    SET "TimeZone" TO 'UTC'
    SET bytea_output TO 'hex'
    SET lc_monetary TO 'C'
    AS $_$
begin
    execute format($insert$
        insert into gjobs.archived_jobs
               (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                completed_at, further)
        select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
               j.retry_count, j.completed_at, %s
          from old_rows j
         where (j.user_id is null or exists (select from auth.users u where u.id = j.user_id))
           and (j.project_id is null or exists (select from public.projects p where p.id = j.project_id))
            on conflict (id) do update
           set (user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                completed_at, archived_at, further) =
               (excluded.user_id, excluded.project_id, excluded.status, excluded.mode, excluded.input_asset_id, excluded.error,
                excluded.cost_cents, excluded.created_at, excluded.updated_at, excluded.retry_count, excluded.completed_at,
                excluded.archived_at, excluded.further)
    $insert$, gjobs.written_further());
    update gjobs.job_event_log e set kind = 'archived'
      from old_rows o
     where e.transaction_id = pg_current_xact_id() and e.job_id = o.id and e.kind = 'deleted';
    return null;
end $_$;

CREATE FUNCTION gjobs.sum_waste_keys() RETURNS TABLE(dimension text, key text, key_hash bigint, failed_count bigint, failed_cents bigint, retry_count bigint, retry_cents bigint, all_cents bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    AS $$
begin
    return query execute (
        select 'select dimension, key, key_hash, sum(failed_count)::bigint, sum(failed_cents)::bigint, sum(retry_count)::bigint,
                       sum(retry_cents)::bigint, sum(all_cents)::bigint
                  from (' || string_agg(gjobs.waste_key_query(t, format('select *, 1 as sign from gjobs.%I', t)), ' union all ') || ') q
                 group by dimension, key, key_hash'
          from unnest(array['job_totals', 'job_days', 'waste_totals', 'waste_days']) t
    );
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

CREATE FUNCTION gjobs.take_restored() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    SET "DateStyle" TO 'ISO, YMD'
    SET "IntervalStyle" TO 'postgres'
    SET "TimeZone" TO 'UTC'
    SET bytea_output TO 'hex'
    SET lc_monetary TO 'C'
    AS $_$
begin
    execute format($take$
        with restored as (
            delete from gjobs.archived_jobs a
             using new_rows j
             cross join lateral (select %s as further) now_further
             where j.id = a.id
               and (j.user_id, j.project_id, j.status, j.mode, j.error, j.cost_cents, j.created_at, j.updated_at, j.retry_count,
                    j.completed_at)
                   is not distinct from
                   (a.user_id, a.project_id, a.status, a.mode, a.error, a.cost_cents, a.created_at, a.updated_at, a.retry_count,
                    a.completed_at)
               and j.input_asset_id is not distinct from (select s.id from public.assets s where s.id = a.input_asset_id)
               and not exists (select from jsonb_each(a.further) f
                                where now_further.further ? f.key and now_further.further -> f.key is distinct from f.value)
            returning a.id, (select 'Without dropped columns: ' || jsonb_object_agg(f.key, f.value)::text
                               from jsonb_each(a.further) f
                              where f.value <> 'null' and not now_further.further ? f.key) as note
        )
        update gjobs.job_event_log e set kind = 'restored', note = r.note
          from restored r
         where e.transaction_id = pg_current_xact_id() and e.job_id = r.id and e.kind = 'created'
    $take$, gjobs.written_further());
    return null;
end $_$;

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

CREATE FUNCTION gjobs.waste_key_query(p_table text, p_rows text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
    select format(
        'select k.dimension, k.key, hashtextextended(coalesce(k.key, ''''), 0) as key_hash,
                coalesce(sum(sign * job_count) filter (where kind = ''failed''), 0)::bigint as failed_count,
                coalesce(sum(sign * cost_cents) filter (where kind = ''failed''), 0)::bigint as failed_cents,
                coalesce(sum(sign * job_count) filter (where kind = ''retry''), 0)::bigint as retry_count,
                coalesce(sum(sign * cost_cents) filter (where kind = ''retry''), 0)::bigint as retry_cents,
                coalesce(sum(sign * cost_cents) filter (where kind = ''any''), 0)::bigint as all_cents
           from (select *, %s as kind from (%s) r) c
          cross join lateral (values %s) k (dimension, key)
          group by k.dimension, k.key',
        case p_table
            when 'waste_totals' then 'case when error_group <> '''' then ''failed'' else ''retry'' end'
            when 'waste_days' then 'case when has_failed then ''failed'' else ''retry'' end'
            else '''any'''
        end,
        p_rows,
        case when p_table in ('job_days', 'waste_days') then '(''day'', to_jsonb(c.day) #>> ''{}'')'
             else '(''all'', null), (''mode'', c.mode), (''project'', c.project_id::text), (''user'', c.user_id::text)'
        end || case p_table when 'waste_totals' then ', (''group'', c.error_group)' else '' end
    )
$$;

CREATE FUNCTION gjobs.waste_truncated() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO ''
    AS $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.waste_deltas where true;
        delete from gjobs.waste_totals where true;
        delete from gjobs.waste_days where true;
    else
        truncate gjobs.waste_deltas, gjobs.waste_totals, gjobs.waste_days;
    end if;
    return null;
end $$;

CREATE FUNCTION gjobs.written_further() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select format('jsonb_object(array[%s]::text[], array[%s]::text[])',
                  string_agg(quote_literal(name), ', '), string_agg(written, ', '))
      from gjobs.further_columns()
$$;

CREATE FUNCTION public.get_job_statistics(p_user_id uuid DEFAULT NULL::uuid) RETURNS TABLE(status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    -- Revision 0004 adds the rollups. Before that, callers lack usage on schema gjobs, so the view is looked up in pg_class.
    if exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'gjobs' and c.relname = 'job_counts') then
        if gjobs.rollups_agree() then
            return query
                select c.status, sum(c.job_count)::bigint, sum(c.cost_cents)::bigint, sum(c.cost_cents) / sum(c.job_count)
                  from gjobs.job_counts c where c.user_id = coalesce(p_user_id, (select auth.uid()))
                 group by c.status having sum(c.job_count) <> 0 order by c.status;
            return;
        end if;
    end if;
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from public.generation_jobs j where j.user_id = coalesce(p_user_id, (select auth.uid()))
         group by j.status order by j.status;
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
    if p_new_status is null then
        raise check_violation using
            message = 'a generation job needs a status',
            schema = 'public', table = 'generation_jobs', column = 'status', constraint = 'generation_jobs_status_check';
    end if;
    update public.generation_jobs
       set status = p_new_status, error = coalesce(p_error, error), updated_at = now()
     where id = p_job_id
       and ((status, p_new_status) in (('queued', 'running'), ('running', 'succeeded'), ('running', 'failed'))
            or status not in ('succeeded', 'failed')
               and (status not in ('queued', 'running') or p_new_status not in ('queued', 'running', 'succeeded', 'failed')));
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

CREATE TABLE gjobs.archived_jobs (
    id uuid NOT NULL,
    user_id uuid,
    project_id uuid,
    status text,
    mode text,
    input_asset_id uuid,
    error text,
    cost_cents integer,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    retry_count integer,
    completed_at timestamp with time zone,
    archived_at timestamp with time zone DEFAULT now() NOT NULL,
    further jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON COLUMN gjobs.archived_jobs.input_asset_id IS 'not a foreign key: if the asset is gone, the job is restored without it';

COMMENT ON COLUMN gjobs.archived_jobs.further IS 'the values of the app''s own columns as text, by column name';

CREATE TABLE gjobs.budget_charges (
    budget_id uuid NOT NULL,
    job_id uuid NOT NULL,
    period_start date NOT NULL,
    cents bigint NOT NULL
);

CREATE TABLE gjobs.budget_spending (
    budget_id uuid NOT NULL,
    period_start date NOT NULL,
    spent_cents bigint NOT NULL,
    is_counted boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');

CREATE VIEW gjobs.budget_states WITH (security_invoker='on') AS
 SELECT b.id,
    b.user_id,
    b.project_id,
    b.period,
    b.limit_cents,
    b.warn_share,
    b.created_at,
    p.period_start,
    COALESCE(s.spent_cents, (0)::bigint) AS spent_cents
   FROM ((gjobs.budgets b
     CROSS JOIN LATERAL ( SELECT gjobs.budget_period_start(b.period, ((now() AT TIME ZONE 'UTC'::text))::date) AS period_start) p)
     LEFT JOIN gjobs.budget_spending s ON (((s.budget_id = b.id) AND (s.period_start = p.period_start))));

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

CREATE TABLE gjobs.waste_days (
    user_id uuid,
    project_id uuid,
    day date,
    has_failed boolean,
    job_count bigint,
    cost_cents bigint
)
WITH (fillfactor='70');

CREATE TABLE gjobs.waste_deltas (
    user_id uuid,
    project_id uuid,
    mode text,
    day date,
    error_group text,
    job_count bigint,
    cost_cents bigint,
    error text
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', vacuum_truncate=off);

CREATE VIEW gjobs.job_day_waste WITH (security_barrier='on') AS
 SELECT sums.user_id,
    sums.project_id,
    sums.day,
    sums.has_failed,
    sums.job_count,
    sums.cost_cents
   FROM ( SELECT waste_days.user_id,
            waste_days.project_id,
            waste_days.day,
            waste_days.has_failed,
            waste_days.job_count,
            waste_days.cost_cents
           FROM gjobs.waste_days
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT waste_days.user_id,
            waste_days.project_id,
            waste_days.day,
            waste_days.has_failed,
            waste_days.job_count,
            waste_days.cost_cents
           FROM gjobs.waste_days
          WHERE (waste_days.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT waste_deltas.user_id,
            waste_deltas.project_id,
            waste_deltas.day,
            (waste_deltas.error_group <> ''::text),
            waste_deltas.job_count,
            waste_deltas.cost_cents
           FROM gjobs.waste_deltas
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT waste_deltas.user_id,
            waste_deltas.project_id,
            waste_deltas.day,
            (waste_deltas.error_group <> ''::text),
            waste_deltas.job_count,
            waste_deltas.cost_cents
           FROM gjobs.waste_deltas
          WHERE (waste_deltas.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT list_day_waste.user_id,
            list_day_waste.project_id,
            list_day_waste.day,
            list_day_waste.has_failed,
            list_day_waste.job_count,
            list_day_waste.cost_cents
           FROM gjobs.list_day_waste() list_day_waste(user_id, project_id, day, has_failed, job_count, cost_cents)) sums;

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

CREATE TABLE gjobs.waste_totals (
    user_id uuid,
    project_id uuid,
    mode text,
    error_group text,
    job_count bigint,
    cost_cents bigint
)
WITH (fillfactor='70');

CREATE VIEW gjobs.job_waste WITH (security_barrier='on') AS
 SELECT sums.user_id,
    sums.project_id,
    sums.mode,
    sums.error_group,
    sums.job_count,
    sums.cost_cents
   FROM ( SELECT waste_totals.user_id,
            waste_totals.project_id,
            waste_totals.mode,
            waste_totals.error_group,
            waste_totals.job_count,
            waste_totals.cost_cents
           FROM gjobs.waste_totals
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT waste_totals.user_id,
            waste_totals.project_id,
            waste_totals.mode,
            waste_totals.error_group,
            waste_totals.job_count,
            waste_totals.cost_cents
           FROM gjobs.waste_totals
          WHERE (waste_totals.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT waste_deltas.user_id,
            waste_deltas.project_id,
            waste_deltas.mode,
            waste_deltas.error_group,
            waste_deltas.job_count,
            waste_deltas.cost_cents
           FROM gjobs.waste_deltas
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT waste_deltas.user_id,
            waste_deltas.project_id,
            waste_deltas.mode,
            waste_deltas.error_group,
            waste_deltas.job_count,
            waste_deltas.cost_cents
           FROM gjobs.waste_deltas
          WHERE (waste_deltas.user_id = ( SELECT auth.uid() AS uid
                  WHERE (gjobs.rollups_agree() AND row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT list_waste.user_id,
            list_waste.project_id,
            list_waste.mode,
            list_waste.error_group,
            list_waste.job_count,
            list_waste.cost_cents
           FROM gjobs.list_waste() list_waste(user_id, project_id, mode, error_group, job_count, cost_cents)) sums;

CREATE VIEW gjobs.job_waste_key_deltas WITH (security_barrier='on') AS
 SELECT changes.dimension,
    changes.key,
    hashtextextended(COALESCE(changes.key, ''::text), (0)::bigint) AS key_hash,
    changes.failed_count,
    changes.failed_cents,
    changes.retry_count,
    changes.retry_cents,
    changes.all_cents
   FROM ( SELECT k.dimension,
            k.key,
                CASE
                    WHEN (d.error_group <> ''::text) THEN d.job_count
                    ELSE (0)::bigint
                END AS failed_count,
                CASE
                    WHEN (d.error_group <> ''::text) THEN d.cost_cents
                    ELSE (0)::bigint
                END AS failed_cents,
                CASE
                    WHEN (d.error_group <> ''::text) THEN (0)::bigint
                    ELSE d.job_count
                END AS retry_count,
                CASE
                    WHEN (d.error_group <> ''::text) THEN (0)::bigint
                    ELSE d.cost_cents
                END AS retry_cents,
            0 AS all_cents
           FROM (gjobs.waste_deltas d
             CROSS JOIN LATERAL ( VALUES ('all'::text,NULL::text), ('mode'::text,d.mode), ('project'::text,(d.project_id)::text), ('user'::text,(d.user_id)::text), ('group'::text,d.error_group), ('day'::text,(to_jsonb(d.day) #>> '{}'::text[]))) k(dimension, key))
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
        UNION ALL
         SELECT k.dimension,
            k.key,
            0,
            0,
            0,
            0,
            d.cost_cents
           FROM (gjobs.job_deltas d
             CROSS JOIN LATERAL ( VALUES ('all'::text,NULL::text), ('mode'::text,d.mode), ('project'::text,(d.project_id)::text), ('user'::text,(d.user_id)::text), ('day'::text,(to_jsonb(d.day) #>> '{}'::text[]))) k(dimension, key))
          WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))) changes;

CREATE TABLE gjobs.waste_keys (
    dimension text,
    key text,
    key_hash bigint,
    failed_count bigint,
    failed_cents bigint,
    retry_count bigint,
    retry_cents bigint,
    all_cents bigint
)
WITH (fillfactor='70');

CREATE VIEW gjobs.job_waste_keys WITH (security_barrier='on') AS
 SELECT waste_keys.dimension,
    waste_keys.key,
    waste_keys.key_hash,
    waste_keys.failed_count,
    waste_keys.failed_cents,
    waste_keys.retry_count,
    waste_keys.retry_cents,
    waste_keys.all_cents,
    ((waste_keys.failed_count + waste_keys.retry_count) <> 0) AS is_wasted,
    (waste_keys.failed_cents + waste_keys.retry_cents) AS waste_cents
   FROM gjobs.waste_keys
  WHERE ( SELECT (gjobs.rollups_agree() AND (NOT row_security_active('public.generation_jobs'::text))))
  ORDER BY waste_keys.dimension, (waste_keys.failed_cents + waste_keys.retry_cents) DESC, waste_keys.key_hash;

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

CREATE VIEW gjobs.new_rows AS
 SELECT NULL::uuid AS user_id,
    NULL::uuid AS project_id,
    NULL::text AS status,
    NULL::text AS mode,
    NULL::text AS error,
    NULL::bigint AS cost_cents,
    NULL::integer AS retry_count,
    NULL::timestamp with time zone AS created_at
  WHERE false;

CREATE VIEW gjobs.old_rows AS
 SELECT new_rows.user_id,
    new_rows.project_id,
    new_rows.status,
    new_rows.mode,
    new_rows.error,
    new_rows.cost_cents,
    new_rows.retry_count,
    new_rows.created_at
   FROM gjobs.new_rows;

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

CREATE TABLE gjobs.retention_policies (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    project_id uuid,
    statuses text[] DEFAULT '{succeeded,failed}'::text[] NOT NULL,
    older_than interval NOT NULL,
    action text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_at timestamp with time zone,
    CONSTRAINT retention_policies_action_check CHECK ((action = ANY (ARRAY['archive'::text, 'delete'::text]))),
    CONSTRAINT retention_policies_older_than_check CHECK ((older_than > '00:00:00'::interval)),
    CONSTRAINT retention_policies_statuses_check CHECK (((cardinality(statuses) > 0) AND (statuses <@ ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text])))
);

COMMENT ON COLUMN gjobs.retention_policies.applied_at IS 'when somebody last started to apply it; null: never';

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

COMMENT ON COLUMN gjobs.workers.user_id IS 'the user that the worker acts as; null: the operator';

COMMENT ON COLUMN gjobs.workers.modes IS 'the modes that it runs; null: all';

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
	('0013');

INSERT INTO gjobs.archived_jobs VALUES
	('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'lifestyle', NULL, 'API timeout', 30, '2026-01-04 17:00:00+00', '2026-12-01 22:22:15.082653+00', 0, '2026-12-01 22:22:15.082653+00', '2026-12-01 22:22:15.094684+00', '{}');

INSERT INTO gjobs.budget_charges VALUES
	('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-000000000a11', '-infinity', 50),
	('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-000000000a10', '-infinity', 200),
	('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-000000000a13', '-infinity', 18),
	('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-000000000a14', '-infinity', 30),
	('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-000000000a12', '-infinity', 255);

INSERT INTO gjobs.budget_spending VALUES
	('00000000-0000-0000-0000-0000000000e1', '-infinity', 553, true);

INSERT INTO gjobs.budgets VALUES
	('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-0000000000a0', NULL, 'all', 10000, 0.8, '2026-12-01 22:22:15.031356+00');

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
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'feature_callout', '2026-01-04', 1, 18),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'lifestyle', '2026-01-04', -1, -30);

INSERT INTO gjobs.job_event_log OVERRIDING SYSTEM VALUE VALUES
	(1, '740', '00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'created', NULL, 'queued', NULL, 200, 200, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.059243+00'),
	(2, '740', '00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a1', 1, 'packaging', 'created', NULL, 'queued', NULL, 50, 50, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.059623+00'),
	(3, '740', '00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a1', 1, 'main_white', 'created', NULL, 'queued', NULL, 250, 250, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.059639+00'),
	(4, '740', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a1', 1, 'feature_callout', 'created', NULL, 'queued', NULL, 18, 18, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.059648+00'),
	(5, '740', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'created', NULL, 'queued', NULL, 30, 30, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.059656+00'),
	(6, '740', '00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b1', 2, 'lifestyle', 'created', NULL, 'queued', NULL, 100, 100, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.059664+00'),
	(7, '742', '00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a1', 1, 'packaging', 'status', 'queued', 'running', NULL, 50, 0, 0, NULL, 'gjobs', 'fixture', '00000000-0000-0000-0000-0000000000d1', NULL, '2026-12-01 22:22:15.070119+00'),
	(8, '744', '00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a1', 1, 'main_white', 'status', 'queued', 'running', NULL, 250, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.075718+00'),
	(9, '744', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a1', 1, 'feature_callout', 'status', 'queued', 'running', NULL, 18, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.075768+00'),
	(10, '744', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'status', 'queued', 'running', NULL, 30, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.075785+00'),
	(11, '745', '00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a1', 1, 'main_white', 'status', 'running', 'succeeded', NULL, 255, 5, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.081242+00'),
	(12, '746', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a1', 1, 'feature_callout', 'status', 'running', 'failed', 'API timeout', 18, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.084766+00'),
	(13, '746', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'status', 'running', 'failed', 'API timeout', 30, 0, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.084797+00'),
	(14, '748', '00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a1', 1, 'lifestyle', 'archived', 'failed', NULL, NULL, 30, -30, 0, NULL, 'gjobs', 'fixture', NULL, NULL, '2026-12-01 22:22:15.099806+00');

INSERT INTO gjobs.job_folding VALUES
	(NULL);

INSERT INTO gjobs.job_leases VALUES
	('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000d1', 1, '2026-12-01 22:22:15.06493+00', '2126-12-02 22:22:15.06493+00', NULL);

INSERT INTO gjobs.job_links VALUES
	('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-000000000a13');

INSERT INTO gjobs.job_starts VALUES
	('00000000-0000-0000-0000-000000000a11', '2026-12-01 22:22:15.070119+00'),
	('00000000-0000-0000-0000-000000000a12', '2026-12-01 22:22:15.075718+00'),
	('00000000-0000-0000-0000-000000000a13', '2026-12-01 22:22:15.075768+00'),
	('00000000-0000-0000-0000-000000000a14', '2026-12-01 22:22:15.075785+00');

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
	(18, 'query of public.generation_job_summary', 'create or replace view public.generation_job_summary with (security_invoker=on) as  SELECT generation_jobs.user_id,
    generation_jobs.project_id,
    generation_jobs.status,
    count(*) AS job_count,
    sum(generation_jobs.cost_cents) AS total_cost_cents,
    avg(generation_jobs.cost_cents) AS avg_cost_cents,
    min(generation_jobs.created_at) AS first_job_at,
    max(generation_jobs.created_at) AS last_job_at
   FROM public.generation_jobs
  GROUP BY generation_jobs.user_id, generation_jobs.project_id, generation_jobs.status;'),
	(19, 'column public.generation_jobs.retry_count', 'alter table public.generation_jobs drop column retry_count'),
	(20, 'column public.generation_jobs.completed_at', 'alter table public.generation_jobs drop column completed_at'),
	(21, 'view public.stuck_jobs', 'drop view public.stuck_jobs');

INSERT INTO gjobs.retention_policies VALUES
	('00000000-0000-0000-0000-0000000000f1', NULL, '{succeeded,failed}', '90 days', 'archive', '2026-12-01 22:22:15.093393+00', NULL);

INSERT INTO gjobs.waste_deltas VALUES
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'feature_callout', '2026-01-04', '3b1a4064e8', 1, 18, NULL),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'lifestyle', '2026-01-04', '3b1a4064e8', 1, 30, NULL),
	('00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'lifestyle', '2026-01-04', '3b1a4064e8', -1, -30, NULL);

INSERT INTO gjobs.workers VALUES
	('00000000-0000-0000-0000-0000000000d1', NULL, 'render-1', 'example', 4711, NULL, 2, '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00', NULL);

INSERT INTO public.assets VALUES
	('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'input', 'lifestyle', NULL, '1', '{}', NULL, NULL, NULL, 'shoe.png', '2026-12-01 22:22:15.029149+00', '2026-12-01 22:22:15.029149+00');

INSERT INTO public.generation_jobs VALUES
	('00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'lifestyle', '00000000-0000-0000-0000-0000000000a2', NULL, 200, '2026-01-04 16:00:00+00', '2026-12-01 22:22:15.04242+00', 0, NULL),
	('00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b0', '00000000-0000-0000-0000-0000000000b1', 'queued', 'lifestyle', NULL, NULL, 100, '2026-01-04 18:00:00+00', '2026-12-01 22:22:15.04242+00', 0, NULL),
	('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'packaging', NULL, NULL, 50, '2026-01-04 12:00:00+00', '2026-12-01 22:22:15.062934+00', 0, NULL),
	('00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'succeeded', 'main_white', NULL, NULL, 255, '2026-01-04 14:00:00+00', '2026-12-01 22:22:15.076563+00', 0, '2026-12-01 22:22:15.076563+00'),
	('00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'feature_callout', NULL, 'API timeout', 18, '2026-01-04 13:00:00+00', '2026-12-01 22:22:15.082653+00', 0, '2026-12-01 22:22:15.082653+00');

INSERT INTO public.projects VALUES
	('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000a0', 'Autumn catalog', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-0000000000b0', 'Spring lookbook', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00');

SELECT pg_catalog.setval('gjobs.job_event_log_id_seq', 14, true);

SELECT pg_catalog.setval('gjobs.known_users_number_seq', 2, true);

SELECT pg_catalog.setval('gjobs.replaced_id_seq', 21, true);

SELECT pg_catalog.setval('gjobs.told_at', 1, false);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY gjobs.archived_jobs
    ADD CONSTRAINT archived_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.budget_charges
    ADD CONSTRAINT budget_charges_pkey PRIMARY KEY (budget_id, job_id);

ALTER TABLE ONLY gjobs.budget_spending
    ADD CONSTRAINT budget_spending_pkey PRIMARY KEY (budget_id, period_start);

ALTER TABLE ONLY gjobs.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (id);

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

ALTER TABLE ONLY gjobs.retention_policies
    ADD CONSTRAINT retention_policies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.retention_policies
    ADD CONSTRAINT retention_policies_project_id_key UNIQUE NULLS NOT DISTINCT (project_id);

ALTER TABLE ONLY gjobs.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

CREATE INDEX archived_jobs_newest ON gjobs.archived_jobs USING btree (created_at DESC, id DESC);

CREATE INDEX archived_jobs_project_id ON gjobs.archived_jobs USING btree (project_id, created_at DESC, id DESC);

CREATE INDEX archived_jobs_user_id ON gjobs.archived_jobs USING btree (user_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX budgets_project_id ON gjobs.budgets USING btree (project_id, period) WHERE (project_id IS NOT NULL);

CREATE UNIQUE INDEX budgets_user_id ON gjobs.budgets USING btree (user_id, period) WHERE (user_id IS NOT NULL);

CREATE INDEX job_days_day ON gjobs.job_days USING btree (day);

CREATE INDEX job_days_project_id ON gjobs.job_days USING btree (project_id, day);

CREATE INDEX job_days_user_id ON gjobs.job_days USING btree (user_id, day);

CREATE INDEX job_event_log_job_id ON gjobs.job_event_log USING btree (job_id, id);

CREATE INDEX job_leases_expires_at ON gjobs.job_leases USING btree (expires_at);

CREATE INDEX job_links_repeats ON gjobs.job_links USING btree (repeats);

CREATE INDEX job_totals_project_id ON gjobs.job_totals USING btree (project_id, status);

CREATE INDEX job_totals_user_id ON gjobs.job_totals USING btree (user_id);

CREATE INDEX known_users_id ON gjobs.known_users USING btree (id);

CREATE INDEX waste_days_day ON gjobs.waste_days USING btree (day);

CREATE INDEX waste_days_project_id ON gjobs.waste_days USING btree (project_id, day);

CREATE INDEX waste_days_user_id ON gjobs.waste_days USING btree (user_id, day);

CREATE INDEX waste_deltas_later ON gjobs.waste_deltas USING btree (error_group) WHERE (error_group = 'later'::text);

CREATE INDEX waste_keys_key ON gjobs.waste_keys USING btree (dimension, key_hash);

CREATE INDEX waste_keys_worst ON gjobs.waste_keys USING btree (dimension, ((failed_cents + retry_cents)) DESC, key_hash) WHERE ((failed_count + retry_count) <> 0);

CREATE INDEX waste_totals_project_id ON gjobs.waste_totals USING btree (project_id, error_group);

CREATE INDEX waste_totals_user_id ON gjobs.waste_totals USING btree (user_id);

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

CREATE TRIGGER gjobs_begin_budget AFTER INSERT OR UPDATE OF user_id, project_id, period ON gjobs.budgets FOR EACH ROW EXECUTE FUNCTION gjobs.begin_budget();

ALTER TABLE gjobs.budgets ENABLE ALWAYS TRIGGER gjobs_begin_budget;

CREATE TRIGGER gjobs_begin_budgets BEFORE INSERT OR UPDATE OF user_id, project_id, period ON gjobs.budgets FOR EACH STATEMENT EXECUTE FUNCTION gjobs.begin_budgets();

ALTER TABLE gjobs.budgets ENABLE ALWAYS TRIGGER gjobs_begin_budgets;

CREATE TRIGGER gjobs_keys_deleted AFTER DELETE ON gjobs.job_days REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_days ENABLE ALWAYS TRIGGER gjobs_keys_deleted;

CREATE TRIGGER gjobs_keys_deleted AFTER DELETE ON gjobs.job_totals REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_totals ENABLE ALWAYS TRIGGER gjobs_keys_deleted;

CREATE TRIGGER gjobs_keys_deleted AFTER DELETE ON gjobs.waste_days REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_days ENABLE ALWAYS TRIGGER gjobs_keys_deleted;

CREATE TRIGGER gjobs_keys_deleted AFTER DELETE ON gjobs.waste_totals REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_totals ENABLE ALWAYS TRIGGER gjobs_keys_deleted;

CREATE TRIGGER gjobs_keys_inserted AFTER INSERT ON gjobs.job_days REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_days ENABLE ALWAYS TRIGGER gjobs_keys_inserted;

CREATE TRIGGER gjobs_keys_inserted AFTER INSERT ON gjobs.job_totals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_totals ENABLE ALWAYS TRIGGER gjobs_keys_inserted;

CREATE TRIGGER gjobs_keys_inserted AFTER INSERT ON gjobs.waste_days REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_days ENABLE ALWAYS TRIGGER gjobs_keys_inserted;

CREATE TRIGGER gjobs_keys_inserted AFTER INSERT ON gjobs.waste_totals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_totals ENABLE ALWAYS TRIGGER gjobs_keys_inserted;

CREATE TRIGGER gjobs_keys_truncated AFTER TRUNCATE ON gjobs.job_days FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_days ENABLE ALWAYS TRIGGER gjobs_keys_truncated;

CREATE TRIGGER gjobs_keys_truncated AFTER TRUNCATE ON gjobs.job_totals FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_totals ENABLE ALWAYS TRIGGER gjobs_keys_truncated;

CREATE TRIGGER gjobs_keys_truncated AFTER TRUNCATE ON gjobs.waste_days FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_days ENABLE ALWAYS TRIGGER gjobs_keys_truncated;

CREATE TRIGGER gjobs_keys_truncated AFTER TRUNCATE ON gjobs.waste_totals FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_totals ENABLE ALWAYS TRIGGER gjobs_keys_truncated;

CREATE TRIGGER gjobs_keys_updated AFTER UPDATE ON gjobs.job_days REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_days ENABLE ALWAYS TRIGGER gjobs_keys_updated;

CREATE TRIGGER gjobs_keys_updated AFTER UPDATE ON gjobs.job_totals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.job_totals ENABLE ALWAYS TRIGGER gjobs_keys_updated;

CREATE TRIGGER gjobs_keys_updated AFTER UPDATE ON gjobs.waste_days REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_days ENABLE ALWAYS TRIGGER gjobs_keys_updated;

CREATE TRIGGER gjobs_keys_updated AFTER UPDATE ON gjobs.waste_totals REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.add_waste_keys();

ALTER TABLE gjobs.waste_totals ENABLE ALWAYS TRIGGER gjobs_keys_updated;

CREATE TRIGGER record_leases AFTER UPDATE ON gjobs.job_leases REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.record_leases();

ALTER TABLE gjobs.job_leases ENABLE ALWAYS TRIGGER record_leases;

CREATE TRIGGER gjobs_charge_deleted AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.charge_deleted();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_charge_deleted;

CREATE TRIGGER gjobs_charge_inserted AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.charge_inserted();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_charge_inserted;

CREATE TRIGGER gjobs_charge_truncated AFTER TRUNCATE ON public.generation_jobs FOR EACH STATEMENT EXECUTE FUNCTION gjobs.charge_truncated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_charge_truncated;

CREATE TRIGGER gjobs_charge_updated AFTER UPDATE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.charge_updated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_charge_updated;

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

CREATE TRIGGER gjobs_store_archived AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((current_setting('gjobs.archiving'::text, true) = 'on'::text)) EXECUTE FUNCTION gjobs.store_archived();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_store_archived;

CREATE TRIGGER gjobs_take_restored AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((current_setting('gjobs.restoring'::text, true) = 'on'::text)) EXECUTE FUNCTION gjobs.take_restored();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_take_restored;

CREATE TRIGGER gjobs_wake_workers AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.wake_workers();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_wake_workers;

CREATE TRIGGER gjobs_waste_deleted AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_waste();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_waste_deleted;

CREATE TRIGGER gjobs_waste_inserted AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_waste();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_waste_inserted;

CREATE TRIGGER gjobs_waste_truncated AFTER TRUNCATE ON public.generation_jobs FOR EACH STATEMENT EXECUTE FUNCTION gjobs.waste_truncated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_waste_truncated;

CREATE TRIGGER gjobs_waste_updated AFTER UPDATE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_waste();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_waste_updated;

CREATE TRIGGER update_assets_updated_at BEFORE UPDATE ON public.assets FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_generation_jobs_updated_at BEFORE UPDATE ON public.generation_jobs FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_projects_updated_at BEFORE UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

ALTER TABLE ONLY gjobs.archived_jobs
    ADD CONSTRAINT archived_jobs_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.archived_jobs
    ADD CONSTRAINT archived_jobs_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.budget_charges
    ADD CONSTRAINT budget_charges_budget_id_fkey FOREIGN KEY (budget_id) REFERENCES gjobs.budgets(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.budget_spending
    ADD CONSTRAINT budget_spending_budget_id_fkey FOREIGN KEY (budget_id) REFERENCES gjobs.budgets(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.budgets
    ADD CONSTRAINT budgets_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.budgets
    ADD CONSTRAINT budgets_user_id_fkey FOREIGN KEY (user_id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.known_users
    ADD CONSTRAINT known_users_id_fkey FOREIGN KEY (id) REFERENCES auth.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY gjobs.retention_policies
    ADD CONSTRAINT retention_policies_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

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

ALTER TABLE gjobs.archived_jobs ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.budget_charges ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.budget_spending ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.budgets ENABLE ROW LEVEL SECURITY;

CREATE POLICY delete_own ON gjobs.job_leases FOR DELETE USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY delete_own ON gjobs.workers FOR DELETE USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY insert_own ON gjobs.job_leases FOR INSERT WITH CHECK ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY insert_own ON gjobs.job_links FOR INSERT WITH CHECK (((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_links.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))) AND (EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_links.repeats) AND (j.user_id = ( SELECT auth.uid() AS uid)))))));

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

CREATE POLICY of_own_projects ON gjobs.retention_policies FOR SELECT USING (((project_id IS NULL) OR gjobs.owns_project(project_id)));

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

CREATE POLICY own_rows ON gjobs.archived_jobs FOR SELECT USING (((( SELECT auth.uid() AS uid) = user_id) AND ( SELECT gjobs.sees_own_jobs() AS sees_own_jobs)));

CREATE POLICY own_rows ON gjobs.budget_spending FOR SELECT USING ((EXISTS ( SELECT
   FROM gjobs.budgets b
  WHERE (b.id = budget_spending.budget_id))));

CREATE POLICY own_rows ON gjobs.budgets FOR SELECT USING (((( SELECT auth.uid() AS uid) = user_id) OR gjobs.owns_project(project_id)));

CREATE POLICY own_rows ON gjobs.known_users FOR SELECT USING ((( SELECT auth.uid() AS uid) = id));

ALTER TABLE gjobs.replaced ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.retention_policies ENABLE ROW LEVEL SECURITY;

CREATE POLICY select_own ON gjobs.workers FOR SELECT USING ((( SELECT auth.uid() AS uid) = user_id));

CREATE POLICY update_own ON gjobs.job_leases FOR UPDATE USING ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid)))))) WITH CHECK ((EXISTS ( SELECT
   FROM public.generation_jobs j
  WHERE ((j.id = job_leases.job_id) AND (j.user_id = ( SELECT auth.uid() AS uid))))));

CREATE POLICY update_own ON gjobs.workers FOR UPDATE USING ((( SELECT auth.uid() AS uid) = user_id)) WITH CHECK ((( SELECT auth.uid() AS uid) = user_id));

ALTER TABLE gjobs.waste_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.waste_deltas ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.waste_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.waste_totals ENABLE ROW LEVEL SECURITY;

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

REVOKE ALL ON FUNCTION gjobs.add_waste_keys() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.begin_budget() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.begin_budgets() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.charge_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.charge_inserted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.charge_jobs(p_changes gjobs.job_cost_change[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.charge_truncated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.charge_updated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.complete_job() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_inserted() FROM PUBLIC;

GRANT SELECT ON TABLE gjobs.budgets TO anon;
GRANT SELECT ON TABLE gjobs.budgets TO authenticated;
GRANT SELECT ON TABLE gjobs.budgets TO service_role;

REVOKE ALL ON FUNCTION gjobs.count_spending(p_budget gjobs.budgets, p_period_start date) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_truncated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_updated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_waste() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.drop_leases() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.fold_deltas(p_appended bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.fold_waste(p_appended bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.know_owners() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.may_notify() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.may_refund() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.record_changed() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.record_events() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.record_leases() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.recount_jobs() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.recount_waste() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.recount_waste_keys() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.store_archived() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.sum_waste_keys() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.take_restored() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.tell_listeners(p_job_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.wake_workers() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.waste_key_query(p_table text, p_rows text) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.waste_truncated() FROM PUBLIC;

GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO anon;
GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.get_job_statistics(p_user_id uuid) TO service_role;

GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO anon;
GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO authenticated;
GRANT ALL ON FUNCTION public.get_recent_jobs(p_limit integer) TO service_role;

GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO anon;
GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO authenticated;
GRANT ALL ON FUNCTION public.transition_job_status(p_job_id uuid, p_new_status text, p_error text) TO service_role;

GRANT SELECT ON TABLE gjobs.archived_jobs TO anon;
GRANT SELECT ON TABLE gjobs.archived_jobs TO authenticated;
GRANT SELECT ON TABLE gjobs.archived_jobs TO service_role;

GRANT SELECT ON TABLE gjobs.budget_spending TO anon;
GRANT SELECT ON TABLE gjobs.budget_spending TO authenticated;
GRANT SELECT ON TABLE gjobs.budget_spending TO service_role;

GRANT SELECT ON TABLE gjobs.budget_states TO anon;
GRANT SELECT ON TABLE gjobs.budget_states TO authenticated;
GRANT SELECT ON TABLE gjobs.budget_states TO service_role;

GRANT SELECT ON TABLE gjobs.job_counts TO PUBLIC;

GRANT SELECT ON TABLE gjobs.job_day_counts TO PUBLIC;

GRANT SELECT ON TABLE gjobs.job_day_waste TO PUBLIC;

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

GRANT SELECT ON TABLE gjobs.job_waste TO PUBLIC;

GRANT SELECT ON TABLE gjobs.job_waste_key_deltas TO PUBLIC;

GRANT SELECT ON TABLE gjobs.job_waste_keys TO PUBLIC;

GRANT SELECT ON TABLE gjobs.retention_policies TO anon;
GRANT SELECT ON TABLE gjobs.retention_policies TO authenticated;
GRANT SELECT ON TABLE gjobs.retention_policies TO service_role;

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
