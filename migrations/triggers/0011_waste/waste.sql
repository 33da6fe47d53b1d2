-- Writers of jobs wait from here to the commit. So each job is either counted later in this revision, or has its delta. For a job that
-- neither failed nor is a retry, only the condition is checked, and no function runs.
create or replace trigger gjobs_waste_inserted after insert on public.generation_jobs
    for each row when (new.status = 'failed' or new.retry_count > 0) execute function gjobs.count_waste();
create or replace trigger gjobs_waste_deleted after delete on public.generation_jobs
    for each row when (old.status = 'failed' or old.retry_count > 0) execute function gjobs.count_waste();
create or replace trigger gjobs_waste_updated after update on public.generation_jobs
    for each row when (
        (old.status = 'failed' or new.status = 'failed' or old.retry_count > 0 or new.retry_count > 0)
        and (old.user_id, old.project_id, old.status, old.mode, old.error, old.cost_cents, old.created_at, old.retry_count)
            is distinct from
            (new.user_id, new.project_id, new.status, new.mode, new.error, new.cost_cents, new.created_at, new.retry_count)
    ) execute function gjobs.count_waste();
create or replace trigger gjobs_waste_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.waste_truncated();

alter table public.generation_jobs
    enable always trigger gjobs_waste_inserted,
    enable always trigger gjobs_waste_deleted,
    enable always trigger gjobs_waste_updated,
    enable always trigger gjobs_waste_truncated;
