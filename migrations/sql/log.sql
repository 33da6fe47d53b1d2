-- The log of the jobs, and who may read it.

-- One row for each job that a statement created, changed or deleted, and one without a job for a TRUNCATE. Triggers append the
-- rows; histories and rollups are computed from them. Only columns that gjobs fills in are not null, so no value that an app stores in its
-- jobs makes its write fail. No foreign key refers to the jobs, because the log outlives them. A job's rows have the order of its updates,
-- because each update waits for the one before. An exception is a change by a trigger of the app within the same statement: its row comes
-- first. Readers page by the whole key, because a row may become visible after one with a greater id.
create table gjobs.job_event_log (
    transaction_id     xid8        not null,
    id                 bigint      not null generated always as identity,
    at                 timestamptz not null default clock_timestamp(),
    job_id             uuid,
    user_id            uuid,
    project_id         uuid,
    former_user_id     uuid,
    former_project_id  uuid,
    actor_user_id      uuid,
    cents_change       bigint,
    cost_cents         bigint,
    retry_count        integer,
    former_retry_count integer,
    day                date,
    former_day         date,
    has_moved          boolean     not null default false,
    kind               text        not null,
    mode               text,
    former_mode        text,
    from_status        text,
    to_status          text,
    error              text,
    former_error       text,
    actor_role         text        not null,
    application        text        not null,
    lease_owner        text,
    note               text,
    primary key (transaction_id, id)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create index job_event_log_at on gjobs.job_event_log using brin (at) with (pages_per_range = 32);
create index job_event_log_job_id on gjobs.job_event_log (job_id);
create index job_event_log_truncated on gjobs.job_event_log (transaction_id, id) where kind = 'truncated';

comment on column gjobs.job_event_log.cents_change is 'null if the row concerns a lease and not the job''s row';
comment on column gjobs.job_event_log.day is 'the UTC day of created_at';
comment on column gjobs.job_event_log.has_moved is
    'whether the former values differ: user, project, mode, day, or whether retry_count is above 0; otherwise they are null';
comment on column gjobs.job_event_log.error is 'null for other changes of a job that is not failed: created, status, retry or error';
comment on column gjobs.job_event_log.former_error is
    'the error of a job that was failed, if it is another one now or the job is not failed';

-- One row.
create table gjobs.settings (
    only_row    boolean  primary key default true check (only_row),
    keep_events interval not null default '90 days' check (keep_events >= '1 day')
);
insert into gjobs.settings default values;

comment on column gjobs.settings.keep_events is 'older events are removed when they are folded into the rollups';

-- The millisecond of the last notification. A sequence, because its value is visible before the transaction ends, and it blocks no session.
create sequence gjobs.notified_at;

-- The transaction that last set a budget, or tried to. A sequence, so that a transaction that began earlier can read it.
create sequence gjobs.budgets_set_by;

-- The start and the end of a long error, because a job's error may be recorded with each of its changes. Both its
-- group and its hash depend only on these parts. gjobs.jobs_at recognizes an error that was cut.
create function gjobs.cut_error(p_error text)
    returns text language sql immutable parallel safe security invoker
return case when octet_length(p_error) <= 16000 then p_error
            else left(p_error, 4000) || E'\n[gjobs keeps only the start and the end of this error]\n' || right(p_error, 4000) end;

-- Records each write of the app. It runs with its owner's rights, because roles that write jobs may not write the log. The acting role and
-- user are read from settings that security definer does not change. It folds nothing and, without a budget, waits for no session. No
-- value that the app stores can make it fail: casts are to text, costs are bigint, and an invalid claim is null. If the table lacks the
-- column retry_count, the subquery `its` finds that name in `absent`, where it is null. Otherwise it finds the column of `present`.
create function gjobs.record_changes()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    actor       uuid;
    actor_role  constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    application constant text := current_setting('application_name');
    worker      constant text := nullif(left(current_setting('gjobs.worker', true), 36), '');
    now_at      constant bigint := extract(epoch from clock_timestamp()) * 1000;
    setter      xid8;
    written     bigint;
    changed     text;
    queues      boolean := false;
begin
    if coalesce(nullif(current_setting('request.jwt.claims', true), ''), current_setting('request.jwt.claim.sub', true), '') <> '' then
        begin
            actor := auth.uid();
        exception when others then
            null;
        end;
    end if;
    -- The snapshot of a transaction that began before a budget was set does not show the budget, so its jobs would evade it. The app
    -- repeats such a transaction, as it must under this isolation level. It is refused even if the setting was rolled back, because an
    -- earlier one may have been committed. An id from a dump of another server is ignored if this server has not reached it.
    if current_setting('transaction_isolation') <> 'read committed' then
        setter := (select last_value from gjobs.budgets_set_by)::text::xid8;
        if setter <> pg_current_xact_id() and not pg_visible_in_snapshot(setter, pg_current_snapshot()) then
            begin
                perform pg_xact_status(setter);
            exception when invalid_parameter_value then
                setter := null;
            end;
            if setter is not null then
                raise serialization_failure using message = 'a budget was set since this transaction began';
            end if;
        end if;
    end if;

    if tg_op = 'INSERT' then
        insert into gjobs.job_event_log
               (transaction_id, kind, job_id, user_id, project_id, mode, day, to_status, error, cost_cents, cents_change, retry_count,
                actor_user_id, actor_role, application, lease_owner)
        select pg_current_xact_id(), 'created', n.id, n.user_id, n.project_id, n.mode::text, (n.created_at at time zone 'UTC')::date,
               n.status::text, gjobs.cut_error(n.error::text), n.cost_cents, coalesce(n.cost_cents, 0), its.retries, actor, actor_role,
               application, worker
          from new_rows n
         cross join (select null::integer as retry_count) absent
         cross join lateral (select retry_count as retries from (select n.*) present) its;
    elsif tg_op = 'UPDATE' then
        -- A full join is never a nested loop, so a plan made for one row also serves many. A changed id is a deletion and a creation.
        insert into gjobs.job_event_log
               (transaction_id, kind, job_id, user_id, project_id, mode, day, retry_count, from_status, to_status, error, former_error,
                cost_cents, cents_change, has_moved, former_user_id, former_project_id, former_mode, former_day, former_retry_count,
                actor_user_id, actor_role, application, lease_owner)
        select pg_current_xact_id(), change.kind, coalesce(n.id, o.id),
               case when n.id is null then o.user_id else n.user_id end, case when n.id is null then o.project_id else n.project_id end,
               case when n.id is null then o.mode else n.mode end::text,
               (case when n.id is null then o.created_at else n.created_at end at time zone 'UTC')::date,
               case when n.id is null then former.retries else its.retries end, o.status::text, n.status::text,
               case when n.status::text = 'failed' or change.kind in ('created', 'status', 'retry', 'error')
                    then gjobs.cut_error(n.error::text) end,
               case when o.status::text = 'failed'
                         and (n.status::text is distinct from 'failed' or n.error::text is distinct from o.error::text)
                    then coalesce(gjobs.cut_error(o.error::text), '') end,
               case when n.id is null then o.cost_cents else n.cost_cents end,
               coalesce(n.cost_cents, 0)::bigint - coalesce(o.cost_cents, 0), coalesce(moved.so, false), moved.user_id,
               moved.project_id, moved.mode, moved.day, moved.retries, actor, actor_role, application, worker
          from old_rows o
          full join new_rows n on n.id = o.id
         cross join (select null::integer as retry_count) absent
         cross join lateral (select retry_count as retries from (select n.*) present) its
         cross join lateral (select retry_count as retries from (select o.*) present) former
         cross join lateral (
             select case when o.id is null then 'created'
                         when n.id is null then 'deleted'
                         when o.status is distinct from n.status then 'status'
                         when former.retries is distinct from its.retries then 'retry'
                         when o.error::text is distinct from n.error::text then 'error'
                         when o.cost_cents is distinct from n.cost_cents then 'cost'
                         when (o.mode, o.user_id, o.project_id, o.created_at)
                              is distinct from (n.mode, n.user_id, n.project_id, n.created_at) then 'changed'
                    end as kind
         ) change
          left join lateral (
             select true as so, o.user_id, o.project_id, o.mode::text, (o.created_at at time zone 'UTC')::date as day, former.retries
              where o.id is not null and n.id is not null
                and (o.mode, o.user_id, o.project_id, o.created_at, coalesce(former.retries, 0) > 0)
                    is distinct from (n.mode, n.user_id, n.project_id, n.created_at, coalesce(its.retries, 0) > 0)
         ) moved on true
         where change.kind is not null;
    elsif tg_op = 'DELETE' then
        insert into gjobs.job_event_log
               (transaction_id, kind, job_id, user_id, project_id, mode, day, retry_count, from_status, former_error, cost_cents,
                cents_change, actor_user_id, actor_role, application, lease_owner)
        select pg_current_xact_id(), 'deleted', o.id, o.user_id, o.project_id, o.mode::text, (o.created_at at time zone 'UTC')::date,
               its.retries, o.status::text,
               case when o.status::text = 'failed' then coalesce(gjobs.cut_error(o.error::text), '') end, o.cost_cents,
               -coalesce(o.cost_cents, 0)::bigint, actor, actor_role, application, worker
          from old_rows o
         cross join (select null::integer as retry_count) absent
         cross join lateral (select retry_count as retries from (select o.*) present) its;
    else
        -- One row, so that a TRUNCATE stays quick. The rollups are invalid until the jobs, which are few then, are counted again.
        insert into gjobs.job_event_log (transaction_id, kind, actor_user_id, actor_role, application)
        values (pg_current_xact_id(), 'truncated', actor, actor_role, application);
        -- This resets all spending to 0, unless a user's own role truncated. Under REPEATABLE READ the snapshot may miss later charges.
        if gjobs.may_refund() then
            if current_setting('transaction_isolation') = 'read committed' then
                delete from gjobs.budget_spending where true;
                delete from gjobs.budget_charges where true;
            else
                truncate gjobs.budget_spending, gjobs.budget_charges;
            end if;
        end if;
    end if;

    get diagnostics written = row_count;
    if written > 0 and tg_op <> 'TRUNCATE' and exists (select from gjobs.budgets) then
        perform gjobs.charge_events(written);
    end if;
    -- A listening dashboard holds the first lock shared, and an idle worker the second. If a lock is free, no session listens, and no
    -- notification delays the commit.
    -- No notification may make the app's transaction fail: PREPARE TRANSACTION fails after NOTIFY, and a commit fails if the queue of
    -- notifications is full.
    if not (case when pg_try_advisory_lock(1735353442, 1) then pg_advisory_unlock(1735353442, 1) else false end) then
        if tg_op = 'DELETE' then
            changed := (select case count(*) when 1 then min(o.id::text) when 2 then '' end from (select id from old_rows limit 2) o);
        elsif tg_op <> 'TRUNCATE' then
            changed := (select case count(*) when 1 then min(n.id::text) when 2 then '' end from (select id from new_rows limit 2) n);
        else
            changed := '';
        end if;
    end if;
    if tg_op = 'INSERT' and not (case when pg_try_advisory_lock(1735353442, 4) then pg_advisory_unlock(1735353442, 4) else false end) then
        queues := exists (select from new_rows n where n.status::text = 'queued');
    end if;
    if (changed is not null or queues)
       and current_setting('max_prepared_transactions')::integer = 0 and pg_notification_queue_usage() < 0.5 then
        -- An empty id stands for several jobs. Transactions with a notification commit one after the other, each waiting for the disk. So
        -- dashboards get at most one in a tenth of a second, and wait longer than that before they query.
        if changed is not null and abs(now_at - (select last_value from gjobs.notified_at)) > 100 then
            perform setval('gjobs.notified_at', now_at);
            perform pg_notify('gjobs_jobs', changed);
        end if;
        if queues then
            perform pg_notify('gjobs_queue', '');
        end if;
    end if;
    return null;
end $$;

-- Which jobs the caller may read with all their columns: 'none'; 'all'; 'own'; 'more', which is their own and others; or 'some', which only
-- the jobs themselves show, because of the app's policies.
create function gjobs.visible_jobs()
    returns text language plpgsql stable security invoker set search_path = '' as $$
begin
    if not has_table_privilege('public.generation_jobs', 'select') then
        return 'none';
    elsif not row_security_active('public.generation_jobs') then
        return 'all';
    end if;
    return (
        select case when bool_or(p.polpermissive) and bool_and(shown.are_own) then 'own'
                    when bool_and(p.polpermissive) and bool_or(shown.are_own or shown.are_all) then 'more'
                    else 'some' end
          from pg_policy p
         cross join lateral (select coalesce(pg_get_expr(p.polqual, p.polrelid), '') as condition) rows_where
         cross join lateral (
             select condition in ('(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
                                  '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))') as are_own,
                    condition = 'true' as are_all
         ) shown
         where p.polrelid = 'public.generation_jobs'::regclass and p.polcmd in ('r', '*')
           and exists (select from unnest(p.polroles) as role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage'))
    );
end $$;

-- Whether the caller sees the job. If a user or project is given, the job must belong to it, because a new job may have the id of a deleted
-- one. It keeps the caller's search_path, as all functions here in which policies or triggers of the app run: those may name a table
-- without its schema. So such functions qualify each call that a function in another schema could replace.
create function gjobs.sees_job(p_job_id uuid, p_user_id uuid default null, p_project_id uuid default null)
    returns boolean language plpgsql stable security invoker as $$
begin
    return exists (
        select from public.generation_jobs j
         where j.id = p_job_id
           and (j.user_id = p_user_id or j.project_id = p_project_id or coalesce(p_user_id, p_project_id) is null)
    );
exception when insufficient_privilege then
    return false;
end $$;

-- The log as readers see it. If policies show users only their own jobs, a user sees the events of these, also of deleted ones. With
-- other policies, readers see the events of the jobs that they see. Users see that somebody else owned or changed a job, but not who.
create view gjobs.job_events with (security_barrier = on) as
    select e.id, e.transaction_id, e.job_id, e.project_id,
           case when (select gjobs.visible_jobs()) = 'all' or e.user_id = (select auth.uid()) then e.user_id end as user_id,
           e.mode, e.kind, e.from_status, e.to_status, e.error, e.cost_cents,
           coalesce(e.cents_change, 0) as cents_change, e.retry_count,
           case when (select gjobs.visible_jobs()) = 'all' or e.actor_user_id = (select auth.uid()) then e.actor_user_id end
               as actor_user_id,
           e.actor_role, e.application, e.lease_owner, e.note, e.at,
           case when not e.has_moved then e.project_id
                when (select gjobs.visible_jobs()) = 'all' or e.former_user_id = (select auth.uid()) then e.former_project_id
           end as former_project_id,
           case when (select gjobs.visible_jobs()) = 'all'
                     or case when e.has_moved then e.former_user_id else e.user_id end = (select auth.uid())
                then case when e.has_moved then e.former_user_id else e.user_id end
           end as former_user_id,
           -- Events of an earlier build have no day. They do not record whether the job has moved.
           e.has_moved or e.day is null as may_have_moved
      from gjobs.job_event_log e
     where case (select gjobs.visible_jobs())
               when 'all' then true
               when 'own' then e.user_id = (select auth.uid())
               when 'none' then false
               else gjobs.sees_job(e.job_id, e.user_id, e.project_id)
           end;

-- When a job first ran.
create view gjobs.job_starts as
    select e.job_id, min(e.at) as started_at
      from gjobs.job_events e
     where e.to_status = 'running' and e.from_status is distinct from 'running'
     group by e.job_id;

-- Removes a deleted user from the log, from the archive and from the budgets, and what gjobs kept of deleted projects. Returns the number
-- of events changed. All events of the user must be folded, because folding subtracts a job from the total of the same user to which it was
-- added. Events that are committed while it runs keep the user's id. Running it again removes them.
create function gjobs.forget_user(p_user_id uuid)
    returns bigint language plpgsql volatile security invoker set search_path = '' as $$
declare
    changed bigint;
begin
    if exists (
        select from gjobs.job_event_log e
         cross join gjobs.fold_state f
         where p_user_id in (e.user_id, e.former_user_id, e.actor_user_id)
           and (e.transaction_id >= f.next or e.transaction_id = any (f.open))
    ) then
        raise object_not_in_prerequisite_state using
            message = 'not all events of this user are folded', hint = 'Repeat SELECT gjobs.fold_events(), or run ''gjobs fold''. Then try again.';
    end if;
    delete from gjobs.archived_jobs a where a.user_id = p_user_id;
    delete from gjobs.budgets b
     where b.user_id = p_user_id
        or b.project_id is not null and not exists (select from public.projects p where p.id = b.project_id);
    delete from gjobs.retention_policies r
     where r.project_id is not null and not exists (select from public.projects p where p.id = r.project_id);
    update gjobs.job_event_log e
       set user_id = nullif(e.user_id, p_user_id), former_user_id = nullif(e.former_user_id, p_user_id),
           actor_user_id = nullif(e.actor_user_id, p_user_id)
      from gjobs.fold_state f
     where p_user_id in (e.user_id, e.former_user_id, e.actor_user_id) and e.transaction_id < f.next and e.transaction_id <> all (f.open);
    get diagnostics changed = row_count;
    return changed;
end $$;
