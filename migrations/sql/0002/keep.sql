-- Every object that this revision changes, with the statement that restores it. policies.sql adds the policies. Only the migrations' owner
-- reads or writes this: the downgrade executes it.
create table gjobs.replaced (
    id      bigint generated always as identity primary key,
    object  text not null unique,
    restore text not null
);
alter table gjobs.replaced enable row level security;

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
