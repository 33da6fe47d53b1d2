-- Charges changed costs. A single row that only changes its status, the usual case, takes a short path.
create or replace function gjobs.charge_updated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if exists (select from gjobs.budgets)
       and ((select count(*) from (select from new_rows limit 2) n) <> 1
            or exists (select from old_rows o cross join new_rows n
                        where (o.user_id, o.project_id, o.created_at, o.cost_cents)
                              is distinct from (n.user_id, n.project_id, n.created_at, n.cost_cents)))
    then
        perform gjobs.charge_budgets(array_agg(row(change.*)::gjobs.cost_change))
           from (
               select null::uuid as budget_id, part.user_id, part.project_id,
                      (part.created_at at time zone 'UTC')::date as day, false as queued,
                      coalesce(n.status in ('succeeded', 'failed') and (o.status in ('succeeded', 'failed')) is not true, false)
                          as finished,
                      sum(part.cents) as cents
                 from old_rows o
                 full join new_rows n on n.id = o.id
                cross join lateral (values
                          (o.user_id, o.project_id, o.created_at, -coalesce(o.cost_cents, 0)::bigint),
                          (n.user_id, n.project_id, n.created_at, coalesce(n.cost_cents, 0)::bigint)
                      ) part (user_id, project_id, created_at, cents)
                where (o.user_id, o.project_id, o.created_at, o.cost_cents)
                      is distinct from (n.user_id, n.project_id, n.created_at, n.cost_cents)
                group by part.user_id, part.project_id, day, finished
           ) change
         having count(*) > 0;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_updated() from public;
