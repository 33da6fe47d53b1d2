-- Writes an event for each job that an update changed, as gjobs.record_events does for other statements. The event holds the job's new
-- values, the owner of its lease, and the error only if it may have changed, because errors are long. The planner settings enforce hash
-- joins of old and new rows.
create or replace function gjobs.record_changed()
    returns trigger language plpgsql volatile security definer set search_path = '' set enable_nestloop = off set enable_seqscan = off as $$
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

revoke all on function gjobs.record_changed() from public;
