-- The views of the rollups of failed jobs and retries. As in revision 0004: only roles that may read the jobs may read them. A single
-- row has no meaning. Totals over all rows of a key are exact. The script may run again.
create or replace view gjobs.job_waste with (security_barrier = on) as
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

create or replace view gjobs.job_day_waste with (security_barrier = on) as
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

-- Only the views are granted, and to everybody, see revision 0004. Default privileges may have granted more.
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
