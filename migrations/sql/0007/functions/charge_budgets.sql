-- Charges costs to budgets. It refuses costs above a limit, and every new job once nothing is left, because a job's cost is known only
-- after it has run. A finish, and anything that lowers a cost, is recorded whatever the limit. Budgets are locked in one order, so two
-- statements never deadlock. It runs with its owner's rights, because those who write jobs may not write here.
create or replace function gjobs.charge_budgets(p_changes gjobs.cost_change[])
    returns void language plpgsql volatile security definer set search_path = '' as $$
declare
    charge record;
    spent  bigint;
begin
    for charge in
        with covered as (
            select b.id, b.period, b.limit_cents, b.user_id, b.project_id, c.day, c.queued, c.finished, c.cents
              from unnest(p_changes) c
              join gjobs.budgets b on b.user_id = c.user_id
            union all
            select b.id, b.period, b.limit_cents, b.user_id, b.project_id, c.day, c.queued, c.finished, c.cents
              from unnest(p_changes) c
              join gjobs.budgets b on b.project_id = c.project_id
            union all
            select b.id, b.period, b.limit_cents, b.user_id, b.project_id, c.day, c.queued, c.finished, c.cents
              from unnest(p_changes) c
              join gjobs.budgets b on b.id = c.budget_id
        )
        select id, period, limit_cents, user_id, project_id, gjobs.budget_period_start(period, day) as period_start,
               sum(cents)::bigint as cents, coalesce(sum(cents) filter (where not finished), 0)::bigint as asked,
               bool_or(queued) as queues
          from covered
         where day is not null or period = 'all'
         group by id, period, limit_cents, user_id, project_id, period_start
        having sum(cents) <> 0 or coalesce(sum(cents) filter (where not finished), 0) > 0 or bool_or(queued)
         order by id, period_start
    loop
        update gjobs.budget_spending s set spent_cents = s.spent_cents + charge.cents
         where s.budget_id = charge.id and s.period_start = charge.period_start
        returning s.spent_cents into spent;
        if not found then
            -- The first charge of the period. Nothing is inserted if the budget has just been deleted.
            insert into gjobs.budget_spending as s (budget_id, period_start, spent_cents)
            select b.id, charge.period_start, gjobs.count_spending(b, charge.period_start) + charge.cents
              from gjobs.budgets b where b.id = charge.id for key share
            on conflict (budget_id, period_start) do update set spent_cents = s.spent_cents + charge.cents
            returning s.spent_cents into spent;
        end if;
        if charge.asked > 0 and spent > charge.limit_cents
           or charge.queues and spent - charge.cents >= charge.limit_cents then
            raise exception using
                errcode = 'GJ001',
                message = format(
                    'the %s budget of %s %s has %s cents: %s are spent and %s were asked',
                    case charge.period when 'all' then 'total' when 'day' then 'daily' else 'monthly' end,
                    case when charge.user_id is null then 'project' else 'user' end,
                    coalesce(charge.user_id, charge.project_id),
                    charge.limit_cents, spent - charge.cents, charge.asked
                ),
                detail = jsonb_build_object(
                    'budget_id', charge.id, 'user_id', charge.user_id, 'project_id', charge.project_id,
                    'period', charge.period, 'period_start', nullif(charge.period_start, '-infinity'),
                    'limit_cents', charge.limit_cents, 'spent_cents', spent - charge.cents, 'asked_cents', charge.asked
                );
        end if;
    end loop;
end $$;

revoke all on function gjobs.charge_budgets(gjobs.cost_change[]) from public;
