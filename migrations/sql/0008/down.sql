-- Drops the retention policies. Jobs stay.
drop trigger gjobs_store_archived on public.generation_jobs;
drop trigger gjobs_take_restored on public.generation_jobs;
drop function gjobs.store_archived();
drop function gjobs.take_restored();
drop function gjobs.archive_jobs(uuid[]);
drop function gjobs.restore_jobs(uuid[]);
drop function gjobs.written_further();
drop function gjobs.further_columns();
drop table gjobs.archived_jobs, gjobs.retention_policies;
drop function gjobs.sees_own_jobs();
