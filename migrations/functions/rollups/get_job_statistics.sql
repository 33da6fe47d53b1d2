-- What the app's function of this name returns, from the rollups: jobs and costs by status, of the caller or, if the caller bypasses row
-- level security, of any user.
create or replace function gjobs.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql security invoker set search_path = '' as $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    return query
        select c.status, sum(c.job_count)::bigint, sum(c.cost_cents)::bigint, sum(c.cost_cents) / sum(c.job_count)
          from gjobs.job_counts c where c.user_id = coalesce(p_user_id, (select auth.uid()))
         group by c.status having sum(c.job_count) <> 0 order by c.status;
end $$;
