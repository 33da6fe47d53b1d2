-- Writers of jobs wait until the commit. So each job is either counted later in this upgrade, or has its delta.
create trigger gjobs_waste_inserted after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.count_waste();
create trigger gjobs_waste_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.count_waste();
create trigger gjobs_waste_updated after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.count_waste();
create trigger gjobs_waste_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.waste_truncated();

alter table public.generation_jobs
    enable always trigger gjobs_waste_inserted,
    enable always trigger gjobs_waste_deleted,
    enable always trigger gjobs_waste_updated,
    enable always trigger gjobs_waste_truncated;
