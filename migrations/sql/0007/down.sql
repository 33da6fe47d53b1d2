-- Drops limits and amounts spent. Jobs stay.
drop trigger gjobs_charge_inserted on public.generation_jobs;
drop trigger gjobs_charge_updated on public.generation_jobs;
drop trigger gjobs_charge_deleted on public.generation_jobs;
drop trigger gjobs_charge_truncated on public.generation_jobs;
drop function gjobs.check_budget(uuid, bigint);
drop view gjobs.budget_states;
drop function gjobs.count_spending(gjobs.budgets, date);
drop table gjobs.budget_spending, gjobs.budget_charges, gjobs.budgets;
drop function gjobs.charge_inserted();
drop function gjobs.charge_updated();
drop function gjobs.charge_deleted();
drop function gjobs.charge_truncated();
drop function gjobs.charge_jobs(gjobs.job_cost_change[]);
drop function gjobs.may_refund();
drop function gjobs.begin_budgets();
drop function gjobs.begin_budget();
drop function gjobs.budget_period_start(text, date);
drop type gjobs.job_cost_change;
