-- Charges changed costs to the budgets of their users and projects, each job at most once in a call.
-- A job that enters the queue is charged its whole cost in the present period. If a user queues it again, it is charged again, because
-- it can run again; if the operator does, the new charge replaces the job's earlier one. Otherwise a charge follows the job's cost, but
-- only the operator and workers can lower it. Deleting a job that waits in the queue refunds its last charge. A job without a row in
-- budget_charges may be included in what begin_budget counted. It refuses costs above a limit, and every new job once nothing is left,
-- because a job's cost is known only after it has run. A finish, and anything that lowers a cost, is recorded whatever the limit. Budgets
-- are locked in one order, so two statements never deadlock. It runs with its owner's rights, because those who write jobs may not write
-- here.
create or replace function gjobs.charge_jobs(p_changes gjobs.job_cost_change[])
    returns void language plpgsql volatile security definer set search_path = '' as $$
declare
    today    constant date := (clock_timestamp() at time zone 'UTC')::date;
    -- Waits for a budget that is being deleted, then charges nothing to it.
    covering constant uuid[] := array(
        select b.id from gjobs.budgets b
         where b.user_id in (select unnest(array[c.user_id, c.old_user_id]) from unnest(p_changes) c)
            or b.project_id in (select unnest(array[c.project_id, c.old_project_id]) from unnest(p_changes) c)
         order by b.id for key share
    );
    charge   record;
    spent    bigint;
begin
    if covering = '{}' then
        return;
    end if;
    for charge in
        with pairs as (
            select c.job_id, b.id as budget_id
              from unnest(p_changes) c
             cross join lateral unnest(array[c.user_id, c.old_user_id]) as subject (id)
              join gjobs.budgets b on b.user_id = subject.id
             union
            select c.job_id, b.id
              from unnest(p_changes) c
             cross join lateral unnest(array[c.project_id, c.old_project_id]) as subject (id)
              join gjobs.budgets b on b.project_id = subject.id
        ), covered as (
            select b.id as budget_id, b.period, c.*, gjobs.budget_period_start(b.period, today) as present_start,
                   gjobs.budget_period_start(b.period, c.day) as new_start,
                   coalesce(b.user_id = c.old_user_id or b.project_id = c.old_project_id, false) as was_covered,
                   coalesce(b.user_id = c.user_id or b.project_id = c.project_id, false) as is_covered,
                   k.job_id is not null as has_charge, coalesce(k.period_start, s.period_start) as charged_start,
                   coalesce(k.cents, case when s.is_counted then c.old_cents end, 0) as charged_cents
              from pairs p
              join unnest(p_changes) c on c.job_id = p.job_id
              join gjobs.budgets b on b.id = p.budget_id and b.id = any (covering)
              left join gjobs.budget_charges k on k.budget_id = b.id and k.job_id = c.job_id
              left join gjobs.budget_spending s
                on k.job_id is null and s.is_counted and (b.user_id = c.old_user_id or b.project_id = c.old_project_id)
               and s.budget_id = b.id and s.period_start = gjobs.budget_period_start(b.period, c.old_day)
        ), decided as (
            select c.*,
                   case when c.queues and c.is_covered then c.present_start else coalesce(c.charged_start, c.new_start) end as next_start,
                   case when c.cents is null then case when c.refunds then null else c.charged_cents end
                        when not c.is_covered then case when c.refunds then null else c.charged_cents end
                        when c.queues then c.cents
                        when c.was_covered and c.cents = c.old_cents then c.charged_cents
                        when c.refunds and c.was_covered then c.cents
                        else greatest(c.charged_cents, c.cents) end as next_cents
              from covered c
        ), removed as (
            delete from gjobs.budget_charges k using decided d
             where k.budget_id = d.budget_id and k.job_id = d.job_id and d.next_cents is null
        ), kept as (
            insert into gjobs.budget_charges as k (budget_id, job_id, period_start, cents)
            select d.budget_id, d.job_id, d.next_start, d.next_cents from decided d
             where d.next_cents is not null and d.next_start is not null
               and (not d.has_charge or (d.next_start, d.next_cents) <> (d.charged_start, d.charged_cents))
            on conflict (budget_id, job_id) do update set period_start = excluded.period_start, cents = excluded.cents
        ), effects as (
            -- If a user queues a job again, its earlier charge is kept in addition to the new one.
            select budget_id, charged_start as period_start, finishes, false as queues, -charged_cents as cents
              from decided
             where charged_start is not null and (next_cents is null or not (queues and is_covered) or refunds)
            union all
            select budget_id, next_start, finishes, queues and is_covered, next_cents
              from decided where next_cents is not null and next_start is not null
        )
        select b.id, b.period, b.limit_cents, b.user_id, b.project_id, e.period_start, sum(e.cents)::bigint as cents,
               coalesce(sum(e.cents) filter (where not e.finishes), 0)::bigint as asked,
               bool_or(e.queues) as queues, coalesce(sum(e.cents) filter (where e.queues), 0)::bigint as queued
          from effects e
          join gjobs.budgets b on b.id = e.budget_id
         group by b.id, e.period_start
        having sum(e.cents) <> 0 or coalesce(sum(e.cents) filter (where not e.finishes), 0) > 0 or bool_or(e.queues)
         order by b.id, e.period_start
    loop
        insert into gjobs.budget_spending as s (budget_id, period_start, spent_cents)
        values (charge.id, charge.period_start, greatest(charge.cents, 0))
            on conflict (budget_id, period_start) do update set spent_cents = greatest(s.spent_cents + charge.cents, 0)
        returning s.spent_cents into spent;
        if charge.asked > 0 and spent > charge.limit_cents
           or charge.queues and spent - charge.queued >= charge.limit_cents then
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

revoke all on function gjobs.charge_jobs(gjobs.job_cost_change[]) from public;
