-- The views of the rollups. Only roles that may read the jobs may read their rollups; each query checks this again. 

-- A single row has no meaning. Totals over all rows of a key are exact. The views read the tables with their owner's rights, because nobody
-- else may read them; the caller's rights decide what they show. A user's own rows are a branch of the union, because a condition with OR
-- uses no index. A view that is only a union is no security barrier: a caller's function would see rows before they are filtered.
create view gjobs.job_counts with (security_barrier = on) as
    select user_id, project_id, status, mode, job_count, cost_cents from (
        select user_id, project_id, status, mode, job_count, cost_cents
          from gjobs.job_totals where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, status, mode, job_count, cost_cents
          from gjobs.job_totals
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, status, mode, job_count, cost_cents
          from gjobs.job_deltas where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, status, mode, job_count, cost_cents
          from gjobs.job_deltas
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, status, mode, job_count, cost_cents from gjobs.count_jobs()
    ) sums;

create view gjobs.job_day_counts with (security_barrier = on) as
    select user_id, project_id, day, job_count, cost_cents from (
        select user_id, project_id, day, job_count, cost_cents
          from gjobs.job_days where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, job_count, cost_cents
          from gjobs.job_days
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, job_count, cost_cents
          from gjobs.job_deltas where (select gjobs.rollups_agree() and not row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, job_count, cost_cents
          from gjobs.job_deltas
         where user_id = (select auth.uid() where gjobs.rollups_agree() and row_security_active('public.generation_jobs'))
        union all
        select user_id, project_id, day, job_count, cost_cents from gjobs.count_days()
    ) sums;

-- Only the views are granted, and to everybody: a role that is granted the jobs later can then read their rollups, too. Default
-- privileges may have granted more.
do $$
declare
    granted record;
begin
    for granted in
        select c.oid::regclass as relation, case a.grantee when 0 then 'public' else quote_ident(r.rolname) end as grantee,
               case c.relkind when 'S' then 'sequence' else 'table' end as kind
          from pg_class c
         cross join lateral aclexplode(c.relacl) as a
          left join pg_roles r on r.oid = a.grantee
         where c.relnamespace = 'gjobs'::regnamespace and a.grantee <> c.relowner
           and c.relname in ('job_deltas', 'job_totals', 'job_days', 'job_folding', 'told_at', 'job_counts', 'job_day_counts')
         group by c.oid, c.relkind, a.grantee, r.rolname
    loop
        execute format('revoke all on %s %s from %s', granted.kind, granted.relation, granted.grantee);
    end loop;
end $$;
grant usage on schema gjobs to public;
grant select on gjobs.job_counts, gjobs.job_day_counts to public;
grant execute on function gjobs.rollups_agree(), gjobs.count_jobs(), gjobs.count_days() to public;
