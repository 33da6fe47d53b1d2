-- Charges new jobs. Columns of an app may be null: a null cost is nothing, and a job without a creation time counts towards totals only.
-- Jobs that arrive finished, such as restored ones, are recorded. A job that ran, was deleted and is inserted again costs the same.
create or replace function gjobs.charge_inserted()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    changes gjobs.cost_change[];
begin
    if exists (select from gjobs.budgets) then
        with again as (
            delete from gjobs.budget_deleted_jobs d
             using new_rows n
              join gjobs.budgets b on b.user_id = n.user_id or b.project_id = n.project_id
             where n.status is distinct from 'queued' and d.job_id = n.id and d.budget_id = b.id
            returning d.budget_id, (n.created_at at time zone 'UTC')::date as day, n.status, d.cost_cents
        )
        select array_agg(row(change.*)::gjobs.cost_change) into changes
          from (
              select null::uuid as budget_id, user_id, project_id, (created_at at time zone 'UTC')::date as day,
                     coalesce(status = 'queued', false) as queued, coalesce(status in ('succeeded', 'failed'), false) as finished,
                     coalesce(sum(cost_cents), 0) as cents
                from new_rows group by user_id, project_id, day, status
              union all
              select budget_id, null, null, day, false, status in ('succeeded', 'failed'), -cost_cents from again
          ) change;
        perform gjobs.charge_budgets(changes);
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_inserted() from public;
