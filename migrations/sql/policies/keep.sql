-- Every object of the app that this upgrade changes, with the statement that restores it. policies.sql adds the policies.
insert into gjobs.replaced (object, restore)
select 'function ' || signature, pg_get_functiondef(signature::regprocedure)
  from unnest(array[
           'public.update_updated_at_column()',
           'public.get_job_statistics(uuid)',
           'public.get_recent_jobs(integer)',
           'public.transition_job_status(uuid, text, text)'
       ]) as signature;

insert into gjobs.replaced (object, restore)
select 'view public.generation_job_summary',
       'alter view public.generation_job_summary ' || coalesce(
           (select format('set (%s)', option) from unnest(reloptions) as option where option like 'security_invoker=%'),
           'reset (security_invoker)'
       )
  from pg_class where oid = 'public.generation_job_summary'::regclass;
