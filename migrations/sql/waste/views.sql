-- The views of the rollups of failed jobs and retries. As with the other rollups, only roles that may read the jobs may read them. A single
-- row has no meaning. Totals over all rows of a key are exact.
create view gjobs.job_waste with (security_barrier = on) as
    select user_id, project_id, mode, error_group, job_count, cost_cents from (
        select user_id, project_id, mode, error_group, job_count, cost_cents
          from gjobs.waste_totals where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, mode, error_group, job_count, cost_cents
          from gjobs.waste_totals
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, mode, error_group, job_count, cost_cents
          from gjobs.waste_deltas where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, mode, error_group, job_count, cost_cents
          from gjobs.waste_deltas
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, mode, error_group, job_count, cost_cents from gjobs.list_waste()
    ) sums;

create view gjobs.job_day_waste with (security_barrier = on) as
    select user_id, project_id, day, has_failed, job_count, cost_cents from (
        select user_id, project_id, day, has_failed, job_count, cost_cents
          from gjobs.waste_days where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, has_failed, job_count, cost_cents
          from gjobs.waste_days
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, error_group <> '', job_count, cost_cents
          from gjobs.waste_deltas where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, error_group <> '', job_count, cost_cents
          from gjobs.waste_deltas
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, has_failed, job_count, cost_cents from gjobs.list_day_waste()
    ) sums;

-- Only the views are granted, and to everybody, see rollups/views.sql. Default privileges may have granted more.
do $$
declare
    granted record;
begin
    for granted in
        select c.oid::regclass as relation, case a.grantee when 0 then 'public' else quote_ident(r.rolname) end as grantee
          from pg_class c
         cross join lateral aclexplode(c.relacl) as a
          left join pg_roles r on r.oid = a.grantee
         where c.relnamespace = 'gjobs'::regnamespace and a.grantee <> c.relowner
           and c.relname in ('waste_deltas', 'waste_totals', 'waste_days', 'job_waste', 'job_day_waste')
         group by c.oid, a.grantee, r.rolname
    loop
        execute format('revoke all on %s from %s', granted.relation, granted.grantee);
    end loop;
end $$;
grant select on gjobs.job_waste, gjobs.job_day_waste to public;
grant execute on function gjobs.list_waste(), gjobs.list_day_waste(), gjobs.error_group(text) to public;

-- For roles that may read all jobs: the totals by key, and the deltas that are not yet in the totals. Only both together are meaningful.
-- Others see no rows here. They read the few rows of their own jobs through the views of the rollups.

-- The order is that of an index. So a query with LIMIT reads only the worst keys, although conditions on computed columns don't pass the
-- security barrier.
create view gjobs.job_waste_keys with (security_barrier = on) as
    select dimension, key, key_hash, failed_count, failed_cents, retry_count, retry_cents, all_cents,
           failed_count + retry_count <> 0 as is_wasted, failed_cents + retry_cents as waste_cents
      from gjobs.waste_keys
     where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
     order by dimension, failed_cents + retry_cents desc, key_hash;

create view gjobs.job_waste_key_deltas with (security_barrier = on) as
    select dimension, key, hashtextextended(coalesce(key, ''), 0) as key_hash, failed_count, failed_cents, retry_count, retry_cents, all_cents
      from (
        select k.dimension, k.key, case when d.error_group <> '' then d.job_count else 0 end as failed_count,
               case when d.error_group <> '' then d.cost_cents else 0 end as failed_cents,
               case when d.error_group <> '' then 0 else d.job_count end as retry_count,
               case when d.error_group <> '' then 0 else d.cost_cents end as retry_cents, 0 as all_cents
          from gjobs.waste_deltas d
         cross join lateral (values
                   ('all', null), ('mode', d.mode), ('project', d.project_id::text), ('user', d.user_id::text), ('group', d.error_group),
                   ('day', to_jsonb(d.day) #>> '{}')
               ) k (dimension, key)
         where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select k.dimension, k.key, 0, 0, 0, 0, d.cost_cents
          from gjobs.job_deltas d
         cross join lateral (values
                   ('all', null), ('mode', d.mode), ('project', d.project_id::text), ('user', d.user_id::text),
                   ('day', to_jsonb(d.day) #>> '{}')
               ) k (dimension, key)
         where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
    ) changes;

-- Only the views are granted, and to everybody, see rollups/views.sql. Default privileges may have granted more.
do $$
declare
    granted record;
begin
    for granted in
        select distinct c.oid::regclass as relation, case a.grantee when 0 then 'public' else quote_ident(r.rolname) end as grantee
          from pg_class c
         cross join lateral aclexplode(c.relacl) as a
          left join pg_roles r on r.oid = a.grantee
         where c.relnamespace = 'gjobs'::regnamespace and a.grantee <> c.relowner
           and c.relname in ('waste_keys', 'job_waste_keys', 'job_waste_key_deltas')
    loop
        execute format('revoke all on %s from %s', granted.relation, granted.grantee);
    end loop;
end $$;
grant select on gjobs.job_waste_keys, gjobs.job_waste_key_deltas to public;
