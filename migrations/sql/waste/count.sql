-- The locks come before the snapshot, so that nobody folds later deltas or truncates the jobs while they are counted.
select pg_catalog.pg_advisory_lock(1735353442, 2);

set client_min_messages = notice;

begin isolation level repeatable read;

lock table public.generation_jobs in access share mode;

select gjobs.recount_waste();

commit;

set client_min_messages = warning;

select pg_catalog.pg_advisory_unlock(1735353442, 2);
