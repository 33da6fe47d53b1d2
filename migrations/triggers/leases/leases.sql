create trigger record_leases after update on gjobs.job_leases
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_leases();
alter table gjobs.job_leases enable always trigger record_leases;

create trigger gjobs_leases_dropped after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.drop_leases();
create trigger gjobs_leases_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.drop_leases();
create trigger gjobs_wake_workers after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.wake_workers();

alter table public.generation_jobs
    enable always trigger gjobs_leases_dropped,
    enable always trigger gjobs_leases_truncated,
    enable always trigger gjobs_wake_workers;
