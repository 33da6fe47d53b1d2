-- What the jobs cost is charged as they are written, with their owner's rights, for those who write jobs may not write here. A
-- budget is one row that its writers update: those who share it wait for each other, and nobody else does.

-- What a statement did to the costs of one user's and one project's jobs of one day, or to what one budget has to bear of them. Jobs
-- that it queues, and jobs that finish with it, are apart.
create type gjobs.cost_change as (
    budget_id uuid, user_id uuid, project_id uuid, day date, queued boolean, finished boolean, cents bigint
);

-- Refuses what goes past a limit, and where nothing is left every new job, for what it will cost is known when it has run. A finish,
-- or what makes a cost smaller, is recorded, whatever the limit. Budgets are locked in one order, so that no two statements wait for
-- each other.
create function gjobs.charge_budgets(p_changes gjobs.cost_change[])
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
            -- The period's first; nobody where the budget has just been removed.
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

-- What the jobs of a period that is not charged yet come to, without those that the present statement writes: the sums beside the
-- jobs learn of these afterwards, for triggers go by their names.
create function gjobs.count_spending(p_budget gjobs.budgets, p_period_start date)
    returns bigint language plpgsql volatile security definer set search_path = '' as $$
begin
    if p_budget.user_id is not null then
        return (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                 where d.user_id = p_budget.user_id
                   and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
    end if;
    return (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
             where d.project_id = p_budget.project_id
               and gjobs.budget_period_start(p_budget.period, d.day) = p_period_start);
end $$;

-- An app's columns may be null: what has no cost costs nothing, and what has no time of creation counts where all is one period.
-- Jobs that arrive finished, as from elsewhere, are recorded. One that ran, was deleted and is made again costs what it did.
create function gjobs.charge_inserted()
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

-- A job that only moves on costs what it did. One row, which is the usual, goes the short way.
create function gjobs.charge_updated()
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

-- What never ran is given back; what ran is spent. Where it was charged it is kept by its id, for it may be made again, unless its
-- user or project is gone.
create function gjobs.charge_deleted()
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

-- Without jobs everything begins anew. A snapshot of the whole transaction may be older than the last of those who were charged: there
-- the rows go in the same way as the jobs.
create function gjobs.charge_truncated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.budget_spending;
        delete from gjobs.budget_deleted_jobs;
    else
        truncate gjobs.budget_spending, gjobs.budget_deleted_jobs;
    end if;
    return null;
end $$;

-- A new budget, or one that becomes another's, knows what is spent already. Who writes jobs at the moment is waited for, and waits for
-- the end of this transaction, so that no cost falls between what is counted here and what is charged.
create function gjobs.begin_budgets()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise feature_not_supported using message = 'budgets are set in transactions that are read committed';
    end if;
    lock table public.generation_jobs in share mode;
    return null;
end $$;

create function gjobs.begin_budget()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    start constant date := gjobs.budget_period_start(new.period, (now() at time zone 'UTC')::date);
begin
    if tg_op = 'UPDATE' then
        delete from gjobs.budget_spending where budget_id = new.id;
        delete from gjobs.budget_deleted_jobs where budget_id = new.id;
    end if;
    insert into gjobs.budget_spending (budget_id, period_start, spent_cents)
    values (new.id, start, gjobs.count_spending(new, start));
    return null;
end $$;

revoke all on function
    gjobs.charge_budgets(gjobs.cost_change[]), gjobs.count_spending(gjobs.budgets, date), gjobs.charge_inserted(),
    gjobs.charge_updated(), gjobs.charge_deleted(), gjobs.charge_truncated(), gjobs.begin_budgets(), gjobs.begin_budget()
  from public;

create trigger gjobs_begin_budgets before insert or update of user_id, project_id, period on gjobs.budgets
    for each statement execute function gjobs.begin_budgets();
create trigger gjobs_begin_budget after insert or update of user_id, project_id, period on gjobs.budgets
    for each row execute function gjobs.begin_budget();

-- Their names come before gjobs_count: see count_spending.
create trigger gjobs_charge_inserted after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.charge_inserted();
create trigger gjobs_charge_updated after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.charge_updated();
create trigger gjobs_charge_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.charge_deleted();
create trigger gjobs_charge_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.charge_truncated();

alter table gjobs.budgets
    enable always trigger gjobs_begin_budgets,
    enable always trigger gjobs_begin_budget;
alter table public.generation_jobs
    enable always trigger gjobs_charge_inserted,
    enable always trigger gjobs_charge_updated,
    enable always trigger gjobs_charge_deleted,
    enable always trigger gjobs_charge_truncated;
