-- Writes an event for each job that a statement created or deleted. It runs with its owner's rights, because those who write jobs may not
-- write events; the acting role and user are read from settings that security definer does not change. The planner setting enforces index
-- look-ups of owners.
create or replace function gjobs.record_events()
    returns trigger language plpgsql volatile security definer set search_path = '' set enable_seqscan = off as $$
declare
    actor       constant bigint := gjobs.acting_user();
    actor_role  constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
    application constant text := current_setting('application_name');
begin
    if tg_op = 'INSERT' then
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

revoke all on function gjobs.record_events() from public;
