-- They fire after the triggers that add the known users, because triggers fire in the order of their names.
create trigger gjobs_record_created after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.record_events();
create trigger gjobs_record_changed after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_changed();
create trigger gjobs_record_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.record_events();
create trigger gjobs_record_truncated before truncate on public.generation_jobs
    for each statement execute function gjobs.record_events();

alter table public.generation_jobs
    enable always trigger gjobs_record_created,
    enable always trigger gjobs_record_changed,
    enable always trigger gjobs_record_deleted,
    enable always trigger gjobs_record_truncated;
