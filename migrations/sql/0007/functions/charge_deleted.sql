-- Refunds jobs that never ran. A job that ran stays charged, and its id is kept in case it is inserted again, unless its user or
-- project is gone.
create or replace function gjobs.charge_deleted()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if exists (select from gjobs.budgets) then
        perform gjobs.charge_budgets(array_agg(row(change.*)::gjobs.cost_change))
           from (
               select null::uuid as budget_id, user_id, project_id, (created_at at time zone 'UTC')::date as day,
                      false as queued, true as finished, -coalesce(sum(cost_cents), 0) as cents
                 from old_rows where status = 'queued' group by user_id, project_id, day
           ) change
         having count(*) > 0;
        insert into gjobs.budget_deleted_jobs as d (budget_id, job_id, cost_cents)
        select b.id, o.id, o.cost_cents
          from old_rows o
          join gjobs.budgets b on b.user_id = o.user_id or b.project_id = o.project_id
          join gjobs.budget_spending s
            on s.budget_id = b.id
           and s.period_start = gjobs.budget_period_start(b.period, (o.created_at at time zone 'UTC')::date)
         where o.status is distinct from 'queued' and o.cost_cents <> 0
           and exists (select from auth.users u where u.id = o.user_id)
           and exists (select from public.projects p where p.id = o.project_id)
        on conflict (budget_id, job_id) do update set cost_cents = excluded.cost_cents;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_deleted() from public;
