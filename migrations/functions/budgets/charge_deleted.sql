-- Refunds jobs that never ran. A job that ran stays charged, and its charge is kept in case it is inserted again, unless its user or
-- project is gone.
create or replace function gjobs.charge_deleted()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if exists (select from gjobs.budgets) then
        perform gjobs.charge_jobs(array_agg(row(change.*)::gjobs.job_cost_change))
           from (
               select o.id, o.user_id as old_user_id, o.project_id as old_project_id, (o.created_at at time zone 'UTC')::date as old_day,
                      greatest(coalesce(o.cost_cents, 0), 0)::bigint as old_cents,
                      null::uuid as user_id, null::uuid as project_id, null::date as day, null::bigint as cents,
                      false as queues, true as finishes, coalesce(o.status = 'queued', false) as refunds
                 from old_rows o
                where (o.user_id in (select b.user_id from gjobs.budgets b)
                       or o.project_id in (select b.project_id from gjobs.budgets b))
                  and (o.status = 'queued'
                       or exists (select from auth.users u where u.id = o.user_id)
                          and exists (select from public.projects p where p.id = o.project_id))
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_deleted() from public;
