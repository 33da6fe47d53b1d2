-- What a statement did to the jobs, as events: one for each job that is another since. With their owner's rights, for those who write
-- the jobs may not write here; who acted is told by what security definer leaves as it is.

-- A claim that is no user's id names nobody, and neither does one of a user who is gone: no write fails because of who makes it.
create function gjobs.acting_user()
    returns bigint language plpgsql volatile security invoker set search_path = '' as $$
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

-- An event tells what the job is since: its error only where that may have changed, for it is long. The server keeps an application's
-- name short. Old and new rows are joined by hashing, and owners found by index, however few there were when the session planned
-- it.
create function gjobs.record_events()
    returns trigger language plpgsql volatile security definer set search_path = '' set enable_nestloop = off set enable_seqscan = off as $$
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

revoke all on function gjobs.acting_user(), gjobs.record_events() from public;

-- After those that make their owners known: the server goes by the names.
create trigger gjobs_record_created after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.record_events();
create trigger gjobs_record_changed after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_events();
create trigger gjobs_record_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.record_events();
create trigger gjobs_record_truncated before truncate on public.generation_jobs
    for each statement execute function gjobs.record_events();

alter table public.generation_jobs
    enable always trigger gjobs_record_created,
    enable always trigger gjobs_record_changed,
    enable always trigger gjobs_record_deleted,
    enable always trigger gjobs_record_truncated;
