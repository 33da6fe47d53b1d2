if to_regclass('public.stuck_jobs') is not null then
    lock table public.stuck_jobs in access exclusive mode;
end if;
