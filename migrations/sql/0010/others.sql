lock table gjobs.job_leases in share row exclusive mode;
lock table gjobs.budgets in share row exclusive mode;
