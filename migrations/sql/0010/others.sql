lock table gjobs.job_leases in share row exclusive mode;
lock table gjobs.budgets in share row exclusive mode;
if to_regclass('gjobs.budget_deleted_jobs') is not null then
    lock table gjobs.budget_spending in access exclusive mode;
end if;
