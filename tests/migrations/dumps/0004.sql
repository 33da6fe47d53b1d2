-- A database at revision 0004, as PostgreSQL 15 dumped it. README.md says how it was made. The roles are the cluster's.
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

CREATE FUNCTION gjobs.may_notify() RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    return current_setting('max_prepared_transactions')::integer = 0 and pg_notification_queue_usage() < 0.5;
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

CREATE TABLE gjobs.job_folding (
    folded_at timestamp with time zone
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

INSERT INTO auth.users VALUES
	('00000000-0000-0000-0000-0000000000a0', 'ada@example.com', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b0', 'ben@example.com', '2026-01-04 12:00:00+00');

INSERT INTO gjobs.alembic_version VALUES
	('0004');

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

INSERT INTO gjobs.job_folding VALUES
	(NULL);

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
  GROUP BY generation_jobs.user_id, generation_jobs.project_id, generation_jobs.status;');

INSERT INTO public.assets VALUES
	('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'input', 'lifestyle', NULL, '1', '{}', NULL, NULL, NULL, 'shoe.png', '2026-11-27 11:02:16.526752+00', '2026-11-27 11:02:16.526752+00');

INSERT INTO public.generation_jobs VALUES
	('00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'queued', 'lifestyle', '00000000-0000-0000-0000-0000000000a2', NULL, 200, '2026-01-04 16:00:00+00', '2026-11-27 11:02:16.52806+00'),
	('00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b0', '00000000-0000-0000-0000-0000000000b1', 'queued', 'lifestyle', NULL, NULL, 100, '2026-01-04 18:00:00+00', '2026-11-27 11:02:16.52806+00'),
	('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'running', 'packaging', NULL, NULL, 50, '2026-01-04 12:00:00+00', '2026-11-27 11:02:16.538152+00'),
	('00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'succeeded', 'main_white', NULL, NULL, 255, '2026-01-04 14:00:00+00', '2026-11-27 11:02:16.545875+00'),
	('00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'feature_callout', NULL, 'API timeout', 18, '2026-01-04 13:00:00+00', '2026-11-27 11:02:16.546543+00'),
	('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'failed', 'lifestyle', NULL, 'API timeout', 30, '2026-01-04 17:00:00+00', '2026-11-27 11:02:16.546543+00');

INSERT INTO public.projects VALUES
	('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000a0', 'Autumn catalog', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00'),
	('00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-0000000000b0', 'Spring lookbook', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00');

SELECT pg_catalog.setval('gjobs.replaced_id_seq', 19, true);

SELECT pg_catalog.setval('gjobs.told_at', 1, false);

ALTER TABLE ONLY auth.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY gjobs.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY gjobs.made_tables
    ADD CONSTRAINT made_tables_pkey PRIMARY KEY (name);

ALTER TABLE ONLY gjobs.replaced
    ADD CONSTRAINT replaced_object_key UNIQUE (object);

ALTER TABLE ONLY gjobs.replaced
    ADD CONSTRAINT replaced_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.generation_jobs
    ADD CONSTRAINT generation_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

CREATE INDEX job_days_day ON gjobs.job_days USING btree (day);

CREATE INDEX job_days_project_id ON gjobs.job_days USING btree (project_id, day);

CREATE INDEX job_days_user_id ON gjobs.job_days USING btree (user_id, day);

CREATE INDEX job_totals_project_id ON gjobs.job_totals USING btree (project_id, status);

CREATE INDEX job_totals_user_id ON gjobs.job_totals USING btree (user_id);

CREATE INDEX gjobs_costs ON public.generation_jobs USING btree (cost_cents DESC, id DESC);

CREATE INDEX gjobs_newest ON public.generation_jobs USING btree (created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_project ON public.generation_jobs USING btree (project_id, created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_project_status ON public.generation_jobs USING btree (project_id, status, created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_status ON public.generation_jobs USING btree (status, created_at DESC, id DESC);

CREATE INDEX gjobs_newest_of_user ON public.generation_jobs USING btree (user_id, created_at DESC, id DESC);

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

CREATE TRIGGER gjobs_count_deleted AFTER DELETE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_deleted();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_deleted;

CREATE TRIGGER gjobs_count_inserted AFTER INSERT ON public.generation_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_inserted();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_inserted;

CREATE TRIGGER gjobs_count_truncated AFTER TRUNCATE ON public.generation_jobs FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_truncated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_truncated;

CREATE TRIGGER gjobs_count_updated AFTER UPDATE ON public.generation_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION gjobs.count_updated();

ALTER TABLE public.generation_jobs ENABLE ALWAYS TRIGGER gjobs_count_updated;

CREATE TRIGGER update_assets_updated_at BEFORE UPDATE ON public.assets FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_generation_jobs_updated_at BEFORE UPDATE ON public.generation_jobs FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

CREATE TRIGGER update_projects_updated_at BEFORE UPDATE ON public.projects FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

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

ALTER TABLE gjobs.job_days ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_deltas ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_folding ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.job_totals ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.made_tables ENABLE ROW LEVEL SECURITY;

ALTER TABLE gjobs.replaced ENABLE ROW LEVEL SECURITY;

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

REVOKE ALL ON FUNCTION gjobs.count_deleted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_inserted() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_truncated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.count_updated() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.fold_deltas(p_appended bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.may_notify() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.recount_jobs() FROM PUBLIC;

REVOKE ALL ON FUNCTION gjobs.tell_listeners(p_job_id text) FROM PUBLIC;

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
