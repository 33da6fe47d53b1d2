-- The app's own view, which `gjobs migrate remove` restores.
insert into gjobs.replaced (object, restore)
select 'query of public.generation_job_summary',
       format('create or replace view public.generation_job_summary with (%s) as %s',
              (select string_agg(option, ', ') from unnest(reloptions) as option), pg_get_viewdef(oid))
  from pg_class where oid = 'public.generation_job_summary'::regclass;

-- Replacing a view resets its options, so they are repeated. first_job_at and last_job_at are read from an index's ends: usually the first
-- row found already belongs to the wanted user. The planner does not know that; `offset 0` makes it read in index order and compare the
-- owner afterwards.
do $$ begin
execute format($view$ create or replace view public.generation_job_summary with (%s) as
    select c.user_id, c.project_id, c.status, sum(c.job_count)::bigint as job_count,
           sum(c.cost_cents)::bigint as total_cost_cents, sum(c.cost_cents) / sum(c.job_count) as avg_cost_cents,
           (select j.created_at
              from (select user_id, created_at from public.generation_jobs
                     where project_id = c.project_id and status = c.status order by created_at offset 0) j
             where j.user_id = c.user_id limit 1) as first_job_at,
           (select j.created_at
              from (select user_id, created_at from public.generation_jobs
                     where project_id = c.project_id and status = c.status order by created_at desc offset 0) j
             where j.user_id = c.user_id limit 1) as last_job_at
      from gjobs.job_counts c
     group by c.user_id, c.project_id, c.status having sum(c.job_count) <> 0
$view$, (select string_agg(option, ', ')
           from pg_class cross join unnest(reloptions) as option where oid = 'public.generation_job_summary'::regclass));
end $$;

-- Grants the summary view, which now reads the rollups, to every role that may read the jobs. An app may have granted only its tables.
-- `gjobs migrate remove` takes these grants back.
do $$
declare
    reader text;
begin
    for reader in
        select distinct case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.privilege_type = 'SELECT' and granted.grantee <> c.relowner
           and not exists (select from pg_class v cross join lateral aclexplode(v.relacl) as known
                            where v.oid = 'public.generation_job_summary'::regclass and known.privilege_type = 'SELECT'
                              and known.grantee = granted.grantee)
    loop
        execute format('grant select on public.generation_job_summary to %s', reader);
        insert into gjobs.replaced (object, restore)
        values ('grant on public.generation_job_summary to ' || reader,
                format('revoke select on public.generation_job_summary from %s', reader));
    end loop;
end $$;
