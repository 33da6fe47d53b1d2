-- Roles that may read the jobs may read their events. A user sees the events of their own jobs, deleted ones included. If the app's
-- policies show them other jobs, they see the events of those jobs. Only the triggers write events.
create policy own_rows on gjobs.known_users for select using ((select auth.uid()) = id);
create policy of_visible_jobs on gjobs.job_event_log for select using (
    case when (select gjobs.rollups_agree())
         then user_number = any (array(select k.number from gjobs.known_users k where k.id = (select auth.uid())))
         else exists (select from public.generation_jobs j where j.id = job_id)
    end
);
create policy of_visible_jobs on gjobs.job_starts for select
    using (exists (select from public.generation_jobs j where j.id = job_id));

-- Deleted users, and users that the reader may not see, are null.
create view gjobs.job_events with (security_invoker = on) as
    select e.id, e.transaction_id, e.job_id, e.project_id, owner.id as user_id, e.mode, e.kind, e.from_status, e.to_status, e.error,
           e.cost_cents, e.cents_change, e.retry_count, actor.id as actor_user_id, e.actor_role, e.application, e.lease_owner,
           e.note, e.at
      from gjobs.job_event_log e
      left join gjobs.known_users owner on owner.number = e.user_number
      left join gjobs.known_users actor on actor.number = e.actor_number;

do $$
declare
    reader text;
    ours constant text := 'gjobs.known_users, gjobs.job_event_log, gjobs.job_starts, gjobs.job_events';
begin
    foreach reader in array array['public', 'anon', 'authenticated', 'service_role'] loop
        continue when reader <> 'public' and to_regrole(reader) is null;
        execute format('revoke all on %s from %s', ours, reader);
    end loop;
    for reader in
        select distinct case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.privilege_type = 'SELECT' and granted.grantee <> c.relowner
    loop
        execute format('grant usage on schema gjobs to %s', reader);
        execute format('grant select on %s to %s', ours, reader);
    end loop;
end $$;
