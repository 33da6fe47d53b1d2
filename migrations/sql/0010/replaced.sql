-- Earlier builds stored a body of public.get_job_statistics, which the downgrade of revision 0004 would restore. Now one body of
-- public.get_job_statistics works with and without the rollups.
delete from gjobs.replaced where object = 'body of public.get_job_statistics(uuid)';
