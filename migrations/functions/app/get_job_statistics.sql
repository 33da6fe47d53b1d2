-- Jobs and costs by status: the caller's own, or those of any user if the caller bypasses row level security.
create or replace function public.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql security invoker set search_path = '' as $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    -- While an upgrade counts the jobs, callers lack usage on schema gjobs, so the view is looked up in pg_class.
    if exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'gjobs' and c.relname = 'job_counts') then
        if gjobs.rollups_agree() then
            return query
                select c.status, sum(c.job_count)::bigint, sum(c.cost_cents)::bigint, sum(c.cost_cents) / sum(c.job_count)
                  from gjobs.job_counts c where c.user_id = coalesce(p_user_id, (select auth.uid()))
                 group by c.status having sum(c.job_count) <> 0 order by c.status;
            return;
        end if;
    end if;
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from public.generation_jobs j where j.user_id = coalesce(p_user_id, (select auth.uid()))
         group by j.status order by j.status;
end $$;
