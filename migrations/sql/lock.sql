-- Locks the jobs, and the other tables below, until the commit. The busiest table comes first, while nothing else is locked. An app's
-- transaction may hold a lock on one of the others while it waits for the jobs. If so, this script soon releases its locks, before the
-- server finds a deadlock and cancels the app's transaction.
do $$
declare
    has_jobs boolean;
begin
    for attempt in 1 .. 40 loop
        has_jobs := false;
        begin
            set local lock_timeout = '2s';
            lock table public.generation_jobs in access exclusive mode;
            has_jobs := true;
            perform set_config('gjobs.locked_at', clock_timestamp()::text, true);
            set local lock_timeout = '50ms';
            -- The others.
            set local lock_timeout = '2s';
            return;
        exception when lock_not_available then
            if not has_jobs then
                raise;
            end if;
        end;
        perform pg_sleep(random() * 0.1);
    end loop;
    raise lock_not_available using message = 'The app''s tables stay in use.';
end $$
