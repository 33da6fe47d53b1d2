-- A job inserted as ended gets the present time as completed_at. A job with an earlier creation time, such as a restored one, ended
-- earlier.
create trigger gjobs_complete_new before insert on public.generation_jobs
    for each row when (new.status in ('succeeded', 'failed') and new.completed_at is null and new.created_at = now())
    execute function gjobs.complete_job();
create trigger gjobs_complete before update on public.generation_jobs
    for each row when (old.status is distinct from new.status) execute function gjobs.complete_job();

alter table public.generation_jobs
    enable always trigger gjobs_complete_new,
    enable always trigger gjobs_complete;
