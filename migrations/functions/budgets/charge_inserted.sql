-- Charges new jobs. The app may allow nulls in its columns; a null cost counts as 0. A negative cost also counts as 0. Jobs that arrive
-- finished, such as restored ones, are recorded in the period of their creation time.
create or replace function gjobs.charge_inserted()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    today   constant date := (clock_timestamp() at time zone 'UTC')::date;
    refunds boolean;
begin
    if exists (select from gjobs.budgets) then
        refunds := gjobs.may_refund();
        perform gjobs.charge_jobs(array_agg(row(change.*)::gjobs.job_cost_change))
           from (
               select id, null::uuid as old_user_id, null::uuid as old_project_id, null::date as old_day, null::bigint as old_cents,
                      user_id, project_id,
                      case when status in ('succeeded', 'failed') then coalesce((created_at at time zone 'UTC')::date, today)
                           else today end as day,
                      greatest(coalesce(cost_cents, 0), 0)::bigint as cents,
                      coalesce(status = 'queued' or status = 'running' and not refunds, false) as queues,
                      coalesce(status in ('succeeded', 'failed'), false) as finishes, refunds
                 from new_rows
                where user_id in (select b.user_id from gjobs.budgets b) or project_id in (select b.project_id from gjobs.budgets b)
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_inserted() from public;
