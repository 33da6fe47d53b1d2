-- Each budget in its current period. A period without charges has no spending.
create view gjobs.budget_states with (security_invoker = on) as
    select b.id, b.user_id, b.project_id, b.period, b.limit_cents, b.warn_share, b.created_at,
           p.period_start, coalesce(s.spent_cents, 0) as spent_cents
      from gjobs.budgets b
     cross join lateral (select gjobs.budget_period_start(b.period, (now() at time zone 'UTC')::date) as period_start) p
      left join gjobs.budget_spending s on s.budget_id = b.id and s.period_start = p.period_start;
