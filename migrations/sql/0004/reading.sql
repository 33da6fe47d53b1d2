-- What reads the sums. Whoever may read the jobs may read their sums, and nobody else: that is decided anew by each reading. It may run
-- again.

-- Whether the caller sees of the rollups what row level security shows them of the jobs: all, or their own. Where the app has other
-- policies, or they may not read the jobs with all their columns, the jobs themselves are counted.
create or replace function gjobs.rollups_agree()
    returns boolean language plpgsql stable security invoker set search_path = '' as $$
begin
    if not has_table_privilege('public.generation_jobs', 'select') then
        return false;
    end if;
    return not row_security_active('public.generation_jobs')
        or coalesce((
               select bool_or(p.polpermissive)
                      and bool_and(pg_get_expr(p.polqual, p.polrelid) in (
                              '(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
                              '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))'
                          ))
                 from pg_policy p
                where p.polrelid = 'public.generation_jobs'::regclass and p.polcmd in ('r', '*')
                  and exists (select from unnest(p.polroles) as role (oid) where role.oid = 0 or pg_has_role(role.oid, 'usage'))
           ), false);
end $$;

-- What the jobs come to where the rollups do not agree, and nothing where they do. Functions, for the views below are planned
-- with all ways in them, and what is not taken must not look dear.
create or replace function gjobs.count_jobs()
    returns table (user_id uuid, project_id uuid, status text, mode text, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' as $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, j.status, j.mode, count(*), sum(j.cost_cents)
              from public.generation_jobs j group by j.user_id, j.project_id, j.status, j.mode;
    end if;
end $$;

create or replace function gjobs.count_days()
    returns table (user_id uuid, project_id uuid, day date, job_count bigint, cost_cents bigint)
    language plpgsql stable security invoker rows 10 set search_path = '' as $$
begin
    if not gjobs.rollups_agree() then
        return query
            select j.user_id, j.project_id, (j.created_at at time zone 'UTC')::date as utc_day, count(*), sum(j.cost_cents)
              from public.generation_jobs j group by j.user_id, j.project_id, utc_day;
    end if;
end $$;

-- Their sums are exact; a single row of them says nothing. They read the tables with their owner's rights, which nobody else has, and
-- what they show is decided with the caller's. Of a user's own rows an index finds those, as no condition with an or in it does.
-- A view that is nothing but a union is no barrier: a caller's function would be shown the rows before they are chosen.
create or replace view gjobs.job_counts with (security_barrier = on) as
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

create or replace view gjobs.job_day_counts with (security_barrier = on) as
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

-- The views alone are granted, and to everybody, so that who may read the jobs from some later day on reads their sums from then on.
-- Default privileges may have granted more.
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

-- The app's own readers, which the way down brings back.
insert into gjobs.replaced (object, restore)
select ours.object, ours.restore
  from (values
        ('body of public.get_job_statistics(uuid)', pg_get_functiondef('public.get_job_statistics(uuid)'::regprocedure)),
        ('query of public.generation_job_summary',
         (select format('create or replace view public.generation_job_summary with (%s) as %s',
                        (select string_agg(option, ', ') from unnest(reloptions) as option), pg_get_viewdef(oid))
            from pg_class where oid = 'public.generation_job_summary'::regclass))
       ) as ours (object, restore)
 where not exists (select from gjobs.replaced r where r.object = ours.object);

-- Of the caller, or of the user asked for where the caller bypasses row level security.
create or replace function public.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql security invoker set search_path = '' as $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    if gjobs.rollups_agree() then
        return query
            select c.status, sum(c.job_count)::bigint, sum(c.cost_cents)::bigint, sum(c.cost_cents) / sum(c.job_count)
              from gjobs.job_counts c where c.user_id = coalesce(p_user_id, (select auth.uid()))
             group by c.status having sum(c.job_count) <> 0 order by c.status;
    else
        return query
            select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
              from public.generation_jobs j where j.user_id = coalesce(p_user_id, (select auth.uid()))
             group by j.status order by j.status;
    end if;
end $$;

-- With the options that it has, which to replace it would reset. First and last are the ends of an index: a project's jobs are
-- nearly always one user's, which the planner does not know, so the owner is looked at last.
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
