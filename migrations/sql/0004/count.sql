-- The lock comes before the snapshot: nothing is folded that the snapshot does not know to be.
select pg_catalog.pg_advisory_lock(1735353442, 2);

set client_min_messages = notice;

begin isolation level repeatable read;

select gjobs.recount_jobs();

commit;

set client_min_messages = warning;

select pg_catalog.pg_advisory_unlock(1735353442, 2);
