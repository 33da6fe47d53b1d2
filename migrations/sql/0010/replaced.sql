-- The downgrade of revision 0004 would restore this body, which earlier builds stored. Now public.get_job_statistics has one body.
delete from gjobs.replaced where object = 'body of public.get_job_statistics(uuid)';
