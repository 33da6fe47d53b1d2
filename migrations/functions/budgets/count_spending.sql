-- What the jobs of a period cost, by their creation time, which is all that is known of jobs from before the budget. The rollups include
-- negative costs, which are taken out again: an index finds them.
create or replace function gjobs.count_spending(p_budget gjobs.budgets, p_period_start date)
    returns bigint language plpgsql volatile security definer set search_path = '' as $$
declare
    cents    bigint;
    negative bigint := (
        select coalesce(sum(j.cost_cents), 0) from public.generation_jobs j
         where j.cost_cents < 0 and (j.user_id = p_budget.user_id or j.project_id = p_budget.project_id)
           and gjobs.budget_period_start(p_budget.period, (j.created_at at time zone 'UTC')::date) = p_period_start
    );
begin
    if p_budget.user_id is not null then
        cents := (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                   where d.user_id = p_budget.user_id and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
    else
        cents := (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                   where d.project_id = p_budget.project_id and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
    end if;
    return cents - negative;
end $$;

revoke all on function gjobs.count_spending(gjobs.budgets, date) from public;
