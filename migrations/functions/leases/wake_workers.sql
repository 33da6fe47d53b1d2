-- Notifies idle workers of new jobs. An idle worker holds a shared advisory lock while it listens. If the lock is free, nobody listens; no
-- notification is sent, because each one delays the writer's commit.
create or replace function gjobs.wake_workers()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if not (case when pg_try_advisory_lock(1735353442, 4) then pg_advisory_unlock(1735353442, 4) else false end)
       and exists (select from new_rows where status = 'queued') and gjobs.may_notify() then
        perform pg_notify('gjobs_queue', '');
    end if;
    return null;
end $$;

revoke all on function gjobs.wake_workers() from public;
