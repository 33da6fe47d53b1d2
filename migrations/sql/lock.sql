-- Locks the jobs, and the other tables below, until the commit. Writers of the app wait behind a lock that waits, so it gives up soon and
-- tries again. The busiest table comes first, while nothing else is locked. An app's transaction may hold a lock on one of the others while
-- it waits for the jobs. If so, this script soon releases its locks, before the server finds a deadlock and cancels the app's transaction.
do $$
begin
    for attempt in 1 .. 12 loop
        begin
            set local lock_timeout = '200ms';
            lock table public.generation_jobs in access exclusive mode;
            perform set_config('gjobs.locked_at', clock_timestamp()::text, true);
            set local lock_timeout = '50ms';
            -- The others.
            set local lock_timeout = '2s';
            return;
        exception when lock_not_available then
            perform pg_sleep(random() * 0.1);
        end;
    end loop;
    raise lock_not_available using message = 'The app''s tables stay in use.';
end $$
