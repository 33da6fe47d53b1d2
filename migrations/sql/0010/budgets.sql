-- In early builds, revision 0007 kept charges of deleted jobs only. The budgets of early builds counted all jobs by their creation times.
do $$
begin
    if to_regclass('gjobs.budget_deleted_jobs') is not null then
        alter table gjobs.budget_spending add column is_counted boolean not null default true;
        alter table gjobs.budget_spending alter is_counted set default false;
        insert into gjobs.budget_charges (budget_id, job_id, period_start, cents)
        select d.budget_id, d.job_id, gjobs.budget_period_start(b.period, (now() at time zone 'UTC')::date), d.cost_cents
          from gjobs.budget_deleted_jobs d
          join gjobs.budgets b on b.id = d.budget_id
            on conflict do nothing;
        drop table gjobs.budget_deleted_jobs;
        drop function gjobs.charge_budgets(gjobs.cost_change[]);
        drop type gjobs.cost_change;
    end if;
end $$;
