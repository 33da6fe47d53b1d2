-- Drops the events, with the start times, completion times and retry counts of jobs. Jobs stay.
drop trigger if exists gjobs_complete_new on public.generation_jobs;
drop trigger if exists gjobs_complete on public.generation_jobs;
drop trigger if exists gjobs_know_owners on public.generation_jobs;
drop trigger if exists gjobs_know_new_owner on public.generation_jobs;
drop trigger if exists gjobs_record_created on public.generation_jobs;
drop trigger if exists gjobs_record_changed on public.generation_jobs;
drop trigger if exists gjobs_record_deleted on public.generation_jobs;
drop trigger if exists gjobs_record_truncated on public.generation_jobs;
drop function if exists gjobs.record_events();
drop function if exists gjobs.acting_user();
drop function if exists gjobs.know_owners();
drop function if exists gjobs.complete_job();
drop view if exists gjobs.job_events;
drop table if exists gjobs.job_event_log, gjobs.job_starts, gjobs.known_users;

-- The view first, because it shows the columns.
do $$
declare
    kept record;
begin
    for kept in
        with gone as (
            delete from gjobs.replaced
             where object in ('view public.stuck_jobs', 'column public.generation_jobs.retry_count',
                              'column public.generation_jobs.completed_at')
            returning object, restore
        )
        select restore from gone order by object like 'column %'
    loop
        execute kept.restore;
    end loop;
end $$;

-- Since revision 0004 every role may use the schema; this and later revisions granted it to single roles as well.
do $$
declare
    reader text;
begin
    for reader in
        select quote_ident(r.rolname)
          from pg_namespace n
         cross join lateral aclexplode(n.nspacl) as granted
          join pg_roles r on r.oid = granted.grantee
         where n.nspname = 'gjobs' and granted.privilege_type = 'USAGE' and granted.grantee <> n.nspowner
    loop
        execute 'revoke usage on schema gjobs from ' || reader;
    end loop;
end $$;
