-- A user sees their own and their projects' budgets.

create policy own_rows on gjobs.budgets for select
    using ((select auth.uid()) = user_id or gjobs.owns_project(project_id));
create policy own_rows on gjobs.budget_spending for select
    using (exists (select from gjobs.budgets b where b.id = budget_id));

-- Only roles that may read the jobs may read the budgets. Default privileges may have granted more.
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
           and c.relname in ('budgets', 'budget_spending', 'budget_charges', 'budget_states')
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
grant execute on function gjobs.budget_period_start(text, date), gjobs.check_budget(uuid, bigint), gjobs.owns_project(uuid) to public;
