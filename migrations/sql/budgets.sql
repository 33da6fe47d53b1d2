-- Limits in cents, of a user or of a project, and the amounts spent.

create table gjobs.budgets (
    id          uuid primary key default gen_random_uuid(),
    user_id     uuid,
    project_id  uuid,
    period      text not null check (period in ('day', 'month', 'all')),
    limit_cents bigint not null check (limit_cents >= 0),
    -- The share of the limit from which the budget warns.
    warn_share  numeric not null default 0.8 check (warn_share > 0 and warn_share <= 1),
    created_at  timestamptz not null default now(),
    check (num_nonnulls(user_id, project_id) = 1)
);
create unique index budgets_user_id on gjobs.budgets (user_id, period) where user_id is not null;
create unique index budgets_project_id on gjobs.budgets (project_id, period) where project_id is not null;

-- The amount charged to a budget in one period. Days and months are in UTC. Jobs that ran stay charged when they are deleted, so this is
-- not the sum of the present jobs. The fill factor leaves space for a row's new version on its page.
create table gjobs.budget_spending (
    budget_id    uuid    not null,
    -- The period's first day; -infinity for the total.
    period_start date    not null,
    spent_cents  bigint  not null,
    -- Whether jobs were counted when the budget began. Those have no row in budget_charges until they are charged again.
    is_counted   boolean not null default false,
    primary key (budget_id, period_start)
) with (fillfactor = 50);

-- A row of budget_charges is the last charge of a job, and the period that it belongs to. It outlives the job, so a deleted job that is
-- inserted again is not charged twice.
create table gjobs.budget_charges (
    budget_id    uuid   not null,
    job_id       uuid   not null,
    period_start date   not null,
    cents        bigint not null,
    primary key (budget_id, job_id)
);

-- The first day of the period that holds the day; -infinity for the total. Dates before January 4713 BC count as that month: the earliest
-- date's month would start before the first timestamp.
create function gjobs.budget_period_start(p_period text, p_day date)
    returns date language plpgsql immutable parallel safe security invoker set search_path = '' as $$
begin
    return case p_period
               when 'day' then p_day
               when 'month' then
                   case when isfinite(p_day) then date_trunc('month', greatest(p_day, '4713-01-01 BC')::timestamp)::date else p_day end
               else '-infinity'
           end;
end $$;

-- Whether the acting role may lower what a job was charged: the operator and workers may, users may not. A worker that acts as a user
-- counts as that user, and may not refund. The acting role is read from a setting that security definer does not change. EXISTS is used
-- because a snapshot older than a concurrent TRUNCATE may show two rows of the table in pg_class.
create function gjobs.may_refund()
    returns boolean language plpgsql stable security invoker set search_path = '' as $$
declare
    actor_role constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    if exists (
           select from pg_roles r cross join pg_class c
            where r.rolname = actor_role and c.oid = 'public.generation_jobs'::regclass
              and (r.rolsuper or r.rolbypassrls or pg_has_role(r.oid, c.relowner, 'usage'))
       ) then
        return true;
    end if;
    return actor_role not in ('anon', 'authenticated') and auth.uid() is null;
exception when invalid_text_representation then
    -- The claims do not contain a user's id.
    return false;
end $$;

-- Charges the last events of this transaction, which a statement has just recorded, to the budgets of their users and projects. The app may
-- allow nulls in its columns; a null or negative cost counts as 0.
-- A job that enters the queue is charged its whole cost in the present period. If a user queues it again, it is charged again, because it
-- can run again; if the operator does, the new charge replaces the job's earlier one. If a user sets a job back to running, it counts as
-- queued again, because workers may take it over. A new job that has ended, such as a restored one, is charged in the period of its
-- creation time. Otherwise a charge follows the job's cost, but only the operator and workers can lower it. A job that was never charged
-- stays uncharged when its cost is lowered. A deleted job is refunded if it never ran. A deleted job that ran stays charged. Its charge is
-- kept in case the job is inserted again, unless its user or project is gone. A job without a row in budget_charges may be included in
-- what begin_budget counted.
-- Returns what each budget is charged in a period. Planning takes longer than a charge, so the plan is kept. It reads only by indexes and,
-- because of the limits, by whole keys. So the plan suits one event, many events and large tables.
create function gjobs.charge_jobs(p_count bigint)
    returns table (budget_id uuid, limit_cents bigint, period_start date, cents bigint, asked bigint, queues boolean, queued bigint)
    language plpgsql volatile security invoker
    set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
#variable_conflict use_column
declare
    today   constant date := (clock_timestamp() at time zone 'UTC')::date;
    refunds boolean;
begin
    -- Most statements charge nothing: they only change the status of jobs, or the users and projects have no budget.
    if not exists (
        select from (select * from gjobs.job_event_log l where l.transaction_id = pg_current_xact_id() order by l.id desc limit p_count) e
          join gjobs.budgets b on b.user_id in (e.user_id, e.former_user_id) or b.project_id in (e.project_id, e.former_project_id)
         where e.kind in ('created', 'deleted') or e.has_moved or e.cents_change <> 0 or e.to_status = 'queued'
            or e.to_status = 'running' and (e.from_status in ('queued', 'running')) is not true
    ) then
        return;
    end if;
    refunds := gjobs.may_refund();
    return query
        with covered as materialized (
            select b.id as budget_id, b.limit_cents, e.job_id, e.kind = 'deleted' as is_deleted, e.from_status = 'queued' as never_ran,
                   move.*, former.cents as former_cents, greatest(e.cost_cents, 0) as cents,
                   case when e.kind <> 'deleted'
                        then gjobs.budget_period_start(b.period, case when e.to_status in ('succeeded', 'failed')
                                                                      then coalesce(e.day, today) else today end) end as new_start,
                   k.job_id is not null as has_charge, coalesce(k.period_start, s.period_start) as charged_start,
                   coalesce(k.cents, case when s.is_counted then former.cents end, 0) as charged_cents
              from (select * from gjobs.job_event_log l
                     where l.transaction_id = pg_current_xact_id() order by l.id desc limit p_count) e
              join gjobs.budgets b on b.user_id in (e.user_id, e.former_user_id) or b.project_id in (e.project_id, e.former_project_id)
             cross join lateral (
                 select e.kind <> 'created' and (
                            not e.has_moved or coalesce(b.user_id = e.former_user_id or b.project_id = e.former_project_id, false)
                        ) as was_covered,
                        e.kind <> 'deleted' and (
                            not e.has_moved or coalesce(b.user_id = e.user_id or b.project_id = e.project_id, false)
                        ) as is_covered,
                        e.kind <> 'deleted' and coalesce(
                            e.to_status = 'queued' and e.from_status is distinct from 'queued'
                            or e.to_status = 'running' and not refunds and (e.from_status in ('queued', 'running')) is not true, false
                        ) as queues,
                        e.kind = 'deleted' or coalesce(
                            e.to_status in ('succeeded', 'failed') and (e.from_status in ('succeeded', 'failed')) is not true, false
                        ) as finishes
             ) move
             cross join lateral (
                 select greatest(case when e.kind <> 'deleted' then coalesce(e.cost_cents, 0) else 0 end - e.cents_change, 0) as cents
             ) former
              left join lateral (
                  select * from gjobs.budget_charges where budget_id = b.id and job_id = e.job_id limit 1
              ) k on true
              left join lateral (
                  select * from gjobs.budget_spending
                   where is_counted and move.was_covered and k.job_id is null and budget_id = b.id
                     and period_start = gjobs.budget_period_start(b.period, case when e.has_moved then e.former_day else e.day end) limit 1
              ) s on true
             where (e.kind in ('created', 'deleted') or e.has_moved or e.cents_change <> 0 or move.queues)
               and (e.kind <> 'deleted' or e.from_status = 'queued'
                    or exists (select from auth.users u where u.id = e.user_id)
                       and exists (select from public.projects p where p.id = e.project_id))
        ), decided as (
            select c.*, c.queues and c.is_covered as enters,
                   case when c.queues and c.is_covered then c.new_start else coalesce(c.charged_start, c.new_start) end as next_start,
                   case when c.is_deleted then case when c.never_ran then null else c.charged_cents end
                        when not c.is_covered then case when refunds then null else c.charged_cents end
                        when c.queues then c.cents
                        when c.was_covered and c.charged_start is null and c.cents < c.former_cents and not c.finishes then null
                        when c.was_covered and c.cents = c.former_cents then c.charged_cents
                        when c.was_covered and refunds then c.cents
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
        )
        select d.budget_id, d.limit_cents, e.period_start, sum(e.cents)::bigint as cents,
               coalesce(sum(e.cents) filter (where not d.finishes), 0)::bigint as asked,
               bool_or(e.enters) as queues, coalesce(sum(e.cents) filter (where e.enters), 0)::bigint as queued
          from decided d
         cross join lateral (
             -- If a user queues a job again, its earlier charge is kept in addition to the new one.
             values (d.charged_start, case when d.next_cents is null or refunds or not d.enters then -d.charged_cents end, false),
                    (d.next_start, d.next_cents, d.enters)
         ) e (period_start, cents, enters)
         where e.period_start is not null and e.cents is not null
         group by d.budget_id, d.limit_cents, e.period_start
        having sum(e.cents) <> 0 or coalesce(sum(e.cents) filter (where not d.finishes), 0) > 0 or bool_or(e.enters)
         order by d.budget_id, e.period_start;
end $$;

-- Charges the last events of this transaction. A single new job that is queued, and a single job whose cost changes, are charged here,
-- unless budget_charges lacks their row. charge_jobs charges all others.
-- Writes under session_replication_role = replica are charged, too, but never refused, because that would stop a restore or a copy.
-- Rows that a subscription applies fire no statement trigger, so they are neither recorded nor charged.
-- It refuses costs above a limit, and every new job once nothing is left, because a job's cost is known only after it has run. A finish,
-- and anything that lowers a cost, is recorded whatever the limit. Spending is locked in one order, so two transactions of one
-- statement each never deadlock.
create function gjobs.charge_events(p_count bigint)
    returns void language plpgsql volatile security invoker set search_path = '' set enable_seqscan = off as $$
declare
    today     constant date := (clock_timestamp() at time zone 'UTC')::date;
    event     gjobs.job_event_log;
    is_new    boolean := false;
    is_single boolean := false;
    new_cents bigint;
    old_cents bigint;
    charges   refcursor;
    charge    record;
    budget    gjobs.budgets;
    spent     bigint;
    other     text;
begin
    if p_count = 1 then
        select * into event from gjobs.job_event_log l where l.transaction_id = pg_current_xact_id() order by l.id desc limit 1;
        is_new := event.kind = 'created' and event.to_status = 'queued';
        is_single := is_new or event.kind not in ('created', 'deleted') and not event.has_moved and (
            event.to_status in ('queued', 'running') and (event.from_status in ('queued', event.to_status)) is not true) is not true;
    end if;
    if is_single then
        if not is_new and event.cents_change = 0 then
            return;
        end if;
        new_cents := greatest(event.cost_cents, 0);
        old_cents := greatest(coalesce(event.cost_cents, 0) - event.cents_change, 0);
        open charges for
            select b.id as budget_id, b.limit_cents, coalesce(k.period_start, gjobs.budget_period_start(b.period, today)) as period_start,
                   change.cents, is_new as queues, next.cents as queued, (k.cents is null) <> is_new as is_other,
                   case when event.to_status in ('succeeded', 'failed') and (event.from_status in ('succeeded', 'failed')) is not true
                        then 0 else change.cents end as asked
              from gjobs.budgets b
              left join lateral (
                  select * from gjobs.budget_charges where budget_id = b.id and job_id = event.job_id limit 1
              ) k on true
             cross join lateral (
                 select case when is_new or new_cents <> old_cents and (new_cents >= k.cents or (select gjobs.may_refund()))
                             then new_cents else k.cents end as cents
             ) next
             cross join lateral (select next.cents - coalesce(k.cents, 0) as cents) change
             where (b.user_id = event.user_id or b.project_id = event.project_id) and (is_new or k.cents is null or change.cents <> 0)
             order by is_other desc, b.id;
        fetch charges into charge;
        if charge.is_other then
            close charges;
            is_single := false;
        end if;
    end if;
    if not is_single then
        open charges for select * from gjobs.charge_jobs(p_count);
        fetch charges into charge;
    end if;
    while found loop
        if is_single then
            insert into gjobs.budget_charges as k (budget_id, job_id, period_start, cents)
            values (charge.budget_id, event.job_id, charge.period_start, charge.queued)
                on conflict (budget_id, job_id) do update set cents = excluded.cents;
        end if;
        insert into gjobs.budget_spending as s (budget_id, period_start, spent_cents)
        values (charge.budget_id, charge.period_start, greatest(charge.cents, 0))
            on conflict (budget_id, period_start) do update set spent_cents = greatest(s.spent_cents + charge.cents, 0)
        returning s.spent_cents into spent;
        if (charge.asked > 0 and spent > charge.limit_cents or charge.queues and spent - charge.queued >= charge.limit_cents)
           and current_setting('session_replication_role') <> 'replica' then
            select * into budget from gjobs.budgets b where b.id = charge.budget_id;
            if charge.period_start <> gjobs.budget_period_start(budget.period, today) then
                other := to_char(charge.period_start, case budget.period when 'day' then 'YYYY-MM-DD' else 'YYYY-MM' end);
            end if;
            raise exception using
                errcode = 'GJ001',
                message = format(
                    'the %s budget of %s %s%s has %s cents: %s are spent%s',
                    case budget.period when 'all' then 'total' when 'day' then 'daily' else 'monthly' end,
                    case when budget.user_id is null then 'project' else 'user' end,
                    coalesce(budget.user_id, budget.project_id), ' for ' || other,
                    charge.limit_cents, spent - charge.cents, ' and ' || nullif(charge.asked, 0) || ' were asked'
                ),
                detail = jsonb_build_object(
                    'budget_id', charge.budget_id, 'user_id', budget.user_id, 'project_id', budget.project_id,
                    'period', budget.period, 'period_start', nullif(charge.period_start, '-infinity'), 'other_period', other,
                    'limit_cents', charge.limit_cents, 'spent_cents', spent - charge.cents, 'asked_cents', charge.asked
                );
        end if;
        fetch charges into charge;
    end loop;
    close charges;
end $$;

-- Waits for sessions that write jobs, for a short time in each try. Their next writes wait until this transaction ends. So no cost is
-- missed between the count by gjobs.begin_budget and later charges.
create function gjobs.begin_budgets()
    returns trigger language plpgsql volatile security definer set search_path = '' set lock_timeout = '200ms' as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise feature_not_supported using message = 'a budget can be set only in a READ COMMITTED transaction';
    elsif not exists (select from pg_trigger where tgrelid = 'public.generation_jobs'::regclass and tgname = 'gjobs_created') then
        raise object_not_in_prerequisite_state using
            message = 'gjobs is not installed completely, so no budget would be charged.', hint = 'First finish ''gjobs migrate up''.';
    end if;
    for attempt in 1 .. 20 loop
        begin
            lock table public.generation_jobs in share mode;
            -- Sessions that write jobs read it only after this lock.
            perform setval('gjobs.budgets_set_by', pg_current_xact_id()::text::bigint);
            return null;
        exception when lock_not_available then
            perform pg_sleep(random() * 0.1);
        end;
    end loop;
    raise lock_not_available using
        message = 'Other sessions keep writing jobs, or a VACUUM of the jobs is running.', hint = 'Try again.';
end $$;

-- Counts what is already spent of a new budget, or of one that gets another user, project or period. Removes what a deleted one spent. The
-- creation times decide, because nothing else is known of jobs from before the budget. Negative costs in the rollups are not counted.
create function gjobs.begin_budget()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    start constant date := gjobs.budget_period_start(new.period, (now() at time zone 'UTC')::date);
    cents bigint;
begin
    if tg_op <> 'INSERT' then
        delete from gjobs.budget_spending where budget_id = old.id;
        delete from gjobs.budget_charges where budget_id = old.id;
    end if;
    if tg_op = 'DELETE' then
        return null;
    elsif new.user_id is not null and not exists (select from auth.users u where u.id = new.user_id) then
        raise foreign_key_violation using message = format('there is no user %s', new.user_id), column = 'user_id';
    elsif new.project_id is not null and not exists (select from public.projects p where p.id = new.project_id) then
        raise foreign_key_violation using message = format('there is no project %s', new.project_id), column = 'project_id';
    end if;
    if new.user_id is not null then
        cents := (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                   where d.user_id = new.user_id and gjobs.budget_period_start(new.period, d.day) = start);
    else
        cents := (select coalesce(sum(d.cost_cents), 0) from gjobs.job_day_counts d
                   where d.project_id = new.project_id and gjobs.budget_period_start(new.period, d.day) = start);
    end if;
    insert into gjobs.budget_spending (budget_id, period_start, spent_cents, is_counted)
    select new.id, start, cents - coalesce(sum(j.cost_cents), 0), true
      from public.generation_jobs j
     where j.cost_cents < 0 and (j.user_id = new.user_id or j.project_id = new.project_id)
       and gjobs.budget_period_start(new.period, (j.created_at at time zone 'UTC')::date) = start;
    return null;
end $$;

create trigger gjobs_begin_budgets before insert or update of user_id, project_id, period on gjobs.budgets
    for each statement execute function gjobs.begin_budgets();
create trigger gjobs_begin_budget after insert or delete or update of user_id, project_id, period on gjobs.budgets
    for each row execute function gjobs.begin_budget();

-- Whether the project is the caller's own. The caller's row level security applies.
create function gjobs.owns_project(p_project_id uuid)
    returns boolean language plpgsql stable security invoker as $$
begin
    return exists (select from public.projects p where p.id = p_project_id and p.user_id = auth.uid());
exception when insufficient_privilege then
    return false;
end $$;

-- A user sees their own and their projects' budgets.
create view gjobs.visible_budgets with (security_barrier = on) as
    select b.* from gjobs.budgets b
     where case (select gjobs.visible_jobs())
               when 'all' then true
               when 'none' then false
               else b.user_id = (select auth.uid()) or gjobs.owns_project(b.project_id)
           end;

create view gjobs.visible_spending with (security_barrier = on) as
    select s.budget_id, s.period_start, s.spent_cents from gjobs.budget_spending s
     where exists (select from gjobs.visible_budgets b where b.id = s.budget_id);

-- Each budget in its current period. A period without charges has no spending.
create view gjobs.budget_states as
    select b.id, b.user_id, b.project_id, b.period, b.limit_cents, b.warn_share, b.created_at,
           p.period_start, coalesce(s.spent_cents, 0) as spent_cents
      from gjobs.visible_budgets b
     cross join lateral (select gjobs.budget_period_start(b.period, (now() at time zone 'UTC')::date) as period_start) p
      left join gjobs.visible_spending s on s.budget_id = b.id and s.period_start = p.period_start;

-- The budgets that a new job of the project would be charged to, and whether each has room for it. No row if there is no budget. A negative
-- cost counts as 0, just as it does when the job is charged.
create function gjobs.check_budget(p_project_id uuid, p_cents bigint)
    returns table (budget_id uuid, period text, limit_cents bigint, spent_cents bigint, asked_cents bigint, allowed boolean)
    language sql stable security invoker as $$
    select b.id, b.period, b.limit_cents, b.spent_cents, greatest(p_cents, 0),
           b.spent_cents < b.limit_cents and b.spent_cents + greatest(p_cents, 0) <= b.limit_cents
      from gjobs.budget_states b
     where b.project_id = p_project_id
        or b.user_id = (select p.user_id from public.projects p where p.id = p_project_id)
     order by b.id
$$;
