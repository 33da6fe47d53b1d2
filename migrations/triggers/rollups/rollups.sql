-- Writers of jobs wait until the commit. So each job is either counted later in this upgrade, or has its delta.
create trigger gjobs_count_inserted after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.count_inserted();
create trigger gjobs_count_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.count_deleted();
create trigger gjobs_count_updated after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.count_updated();
create trigger gjobs_count_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.count_truncated();

alter table public.generation_jobs
    enable always trigger gjobs_count_inserted,
    enable always trigger gjobs_count_deleted,
    enable always trigger gjobs_count_updated,
    enable always trigger gjobs_count_truncated;
