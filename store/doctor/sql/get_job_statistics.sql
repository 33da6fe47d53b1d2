create or replace function public.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql security definer set search_path = '' as $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null
       and current_setting('role') in ('anon', 'authenticated') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    return query
        select j.status, count(*), sum(j.cost_cents), avg(j.cost_cents)
          from public.generation_jobs j where j.user_id = coalesce(p_user_id, auth.uid())
         group by j.status order by j.status;
end $$;
