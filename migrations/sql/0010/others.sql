lock table gjobs.job_leases in share row exclusive mode;
lock table gjobs.budgets in share row exclusive mode;
if exists (select from pg_policy where polrelid = 'gjobs.job_links'::regclass and polname = 'insert_own'
                                   and pg_get_expr(polwithcheck, polrelid) not like '%repeats%') then
    lock table gjobs.job_links in access exclusive mode;
end if;
if exists (select from pg_policy where polrelid = 'gjobs.archived_jobs'::regclass and polname = 'own_rows'
                                   and pg_get_expr(polqual, polrelid) not like '%sees_own_jobs%') then
    lock table gjobs.archived_jobs in access exclusive mode;
end if;
if to_regclass('gjobs.budget_deleted_jobs') is not null then
    lock table gjobs.budget_spending in access exclusive mode;
end if;
