-- Writes events for changed leases. A claim and a finish change the job's status, and the event of that change names the owner. So only
-- changes in between are recorded here. It runs with its owner's rights, because those who write jobs may not write events.
create or replace function gjobs.record_leases()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
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

revoke all on function gjobs.record_leases() from public;
