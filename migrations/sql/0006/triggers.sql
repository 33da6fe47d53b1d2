-- What becomes of leases is told by events, and who waits for jobs is told of new ones. With their owner's rights, for those who write
-- the jobs may not write events.

-- A claim and a finish are told by the change of the job's status, which names the owner: so only what happens in between is told here.
create function gjobs.record_leases()
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

-- A job that is gone is nobody's.
create function gjobs.drop_leases()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if tg_op = 'DELETE' then
        delete from gjobs.job_leases l using old_rows o where l.job_id = o.id;
    else
        delete from gjobs.job_leases;
    end if;
    return null;
end $$;

-- A worker that has nothing to do holds a shared lock while it listens. To commit a notification costs the writer, so without such a
-- worker none is sent: where the lock is to be had alone, nobody has it.
create function gjobs.wake_workers()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if not (case when pg_try_advisory_lock(1735353442, 4) then pg_advisory_unlock(1735353442, 4) else false end)
       and exists (select from new_rows where status = 'queued') and gjobs.may_notify() then
        perform pg_notify('gjobs_queue', '');
    end if;
    return null;
end $$;

revoke all on function gjobs.record_leases(), gjobs.drop_leases(), gjobs.wake_workers() from public;

create trigger record_leases after update on gjobs.job_leases
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_leases();
alter table gjobs.job_leases enable always trigger record_leases;

create trigger gjobs_leases_dropped after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.drop_leases();
create trigger gjobs_leases_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.drop_leases();
create trigger gjobs_wake_workers after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.wake_workers();

alter table public.generation_jobs
    enable always trigger gjobs_leases_dropped,
    enable always trigger gjobs_leases_truncated,
    enable always trigger gjobs_wake_workers;
