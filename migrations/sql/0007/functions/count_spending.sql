-- The cost of a period's jobs that is not charged yet, without the jobs of the present statement. The rollups learn of those later,
-- because triggers fire in the order of their names.
create or replace function gjobs.count_spending(p_budget gjobs.budgets, p_period_start date)
    returns bigint language plpgsql volatile security definer set search_path = '' as $$
begin
    if p_budget.user_id is not null then
        return (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                 where d.user_id = p_budget.user_id
                   and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
    end if;
    return (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
             where d.project_id = p_budget.project_id
               and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
end $$;

revoke all on function gjobs.count_spending(gjobs.budgets, date) from public;
