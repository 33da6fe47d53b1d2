-- What reads the budgets. Everything runs with its caller's rights: a user sees their own and their projects' budgets.

create policy own_rows on gjobs.budgets for select
    using ((select auth.uid()) = user_id or gjobs.owns_project(project_id));
create policy own_rows on gjobs.budget_spending for select
    using (exists (select from gjobs.budgets b where b.id = budget_id));

-- Each budget in its present period. Nothing is spent in a period in which nothing has been charged.
create view gjobs.budget_states with (security_invoker = on) as
    select b.id, b.user_id, b.project_id, b.period, b.limit_cents, b.warn_share, b.created_at,
           p.period_start, coalesce(s.spent_cents, 0) as spent_cents
      from gjobs.budgets b
     cross join lateral (select gjobs.budget_period_start(b.period, (now() at time zone 'UTC')::date) as period_start) p
      left join gjobs.budget_spending s on s.budget_id = b.id and s.period_start = p.period_start;

-- Before a job is queued: the budgets that it would be charged to, and whether each has room for it. No row where it has none.
create function gjobs.check_budget(p_project_id uuid, p_cents bigint)
    returns table (budget_id uuid, period text, limit_cents bigint, spent_cents bigint, asked_cents bigint, allowed boolean)
    language sql stable security invoker set search_path = '' as $$
    select b.id, b.period, b.limit_cents, b.spent_cents, p_cents,
           b.spent_cents < b.limit_cents and b.spent_cents + p_cents <= b.limit_cents
      from gjobs.budget_states b
     where b.project_id = p_project_id
        or b.user_id = (select p.user_id from public.projects p where p.id = p_project_id)
     order by b.id
$$;

-- Whoever may read the jobs may read the budgets, and nobody else: default privileges may have granted more.
do $$
declare
    granted record;
    reader  text;
begin
    for granted in
        select distinct c.oid::regclass as relation, case a.grantee when 0 then 'public' else quote_ident(r.rolname) end as grantee
          from pg_class c
         cross join lateral aclexplode(c.relacl) as a
          left join pg_roles r on r.oid = a.grantee
         where c.relnamespace = 'gjobs'::regnamespace and a.grantee <> c.relowner
           and c.relname in ('budgets', 'budget_spending', 'budget_deleted_jobs', 'budget_states')
    loop
        execute format('revoke all on %s from %s', granted.relation, granted.grantee);
    end loop;
    for reader in
        select distinct case a.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as a
          left join pg_roles r on r.oid = a.grantee
         where c.oid = 'public.generation_jobs'::regclass and a.privilege_type = 'SELECT' and a.grantee <> c.relowner
    loop
        execute 'grant select on gjobs.budgets, gjobs.budget_spending, gjobs.budget_states to ' || reader;
    end loop;
end $$;
grant execute on function gjobs.budget_period_start(text, date), gjobs.check_budget(uuid, bigint) to public;
