-- The downgrade of revision 0004 would restore this body, which earlier builds stored. Now one body of public.get_job_statistics works with
-- and without the rollups.
delete from gjobs.replaced where object = 'body of public.get_job_statistics(uuid)';
