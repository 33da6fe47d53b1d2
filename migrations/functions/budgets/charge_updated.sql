-- Charges changed costs, and jobs that enter the queue. If a user sets a job back to running, it counts as queued again, because workers
-- may take it over.
-- A single row that only moves on in its status, the usual case, takes a short path. A changed creation time charges nothing.
-- budget_charges then keeps the job's earlier charge and its period, because the new creation time may give another period.
create or replace function gjobs.charge_updated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    today   constant date := (clock_timestamp() at time zone 'UTC')::date;
    refunds boolean;
begin
    if exists (select from gjobs.budgets)
       and ((select count(*) from (select from new_rows limit 2) n) <> 1
            or exists (select from old_rows o cross join new_rows n
                        where (o.id, o.user_id, o.project_id, o.created_at, o.cost_cents)
                              is distinct from (n.id, n.user_id, n.project_id, n.created_at, n.cost_cents)
                           or n.status = 'queued' and o.status is distinct from 'queued'
                           or n.status = 'running' and (o.status in ('queued', 'running')) is not true and not gjobs.may_refund()))
    then
        refunds := gjobs.may_refund();
        perform gjobs.charge_jobs(array_agg(row(change.*)::gjobs.job_cost_change))
           from (
               select coalesce(n.id, o.id) as id, o.user_id as old_user_id, o.project_id as old_project_id,
                      (o.created_at at time zone 'UTC')::date as old_day,
                      case when o.id is not null then greatest(coalesce(o.cost_cents, 0), 0)::bigint end as old_cents,
                      n.user_id, n.project_id,
                      case when n.status in ('succeeded', 'failed') then coalesce((n.created_at at time zone 'UTC')::date, today)
                           else today end as day,
                      case when n.id is not null then greatest(coalesce(n.cost_cents, 0), 0)::bigint end as cents,
                      move.queues,
                      coalesce(n.status in ('succeeded', 'failed') and (o.status in ('succeeded', 'failed')) is not true, false)
                          as finishes,
                      case when n.id is null then coalesce(o.status = 'queued', false) else refunds end as refunds
                 from old_rows o
                 full join new_rows n on n.id = o.id
                cross join lateral (select coalesce(
                          n.status = 'queued' and o.status is distinct from 'queued'
                          or n.status = 'running' and not refunds and (o.status in ('queued', 'running')) is not true, false) as queues
                      ) move
                where ((o.user_id, o.project_id, o.created_at, o.cost_cents)
                       is distinct from (n.user_id, n.project_id, n.created_at, n.cost_cents) or move.queues)
                  and (o.user_id in (select b.user_id from gjobs.budgets b) or n.user_id in (select b.user_id from gjobs.budgets b)
                       or o.project_id in (select b.project_id from gjobs.budgets b)
                       or n.project_id in (select b.project_id from gjobs.budgets b))
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_updated() from public;
