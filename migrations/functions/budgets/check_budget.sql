-- The budgets that a new job of the project would be charged to, and whether each has room for it. No row if there is no budget. A negative
-- cost counts as 0, just as it does when the job is charged.
create or replace function gjobs.check_budget(p_project_id uuid, p_cents bigint)
    returns table (budget_id uuid, period text, limit_cents bigint, spent_cents bigint, asked_cents bigint, allowed boolean)
    language sql stable security invoker set search_path = '' as $$
    select b.id, b.period, b.limit_cents, b.spent_cents, greatest(p_cents, 0),
           b.spent_cents < b.limit_cents and b.spent_cents + greatest(p_cents, 0) <= b.limit_cents
      from gjobs.budget_states b
     where b.project_id = p_project_id
        or b.user_id = (select p.user_id from public.projects p where p.id = p_project_id)
     order by b.id
$$;
