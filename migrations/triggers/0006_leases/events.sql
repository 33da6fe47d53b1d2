-- The event of an update names the owner of the job's lease.
create or replace trigger gjobs_record_changed after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.record_changed();
alter table public.generation_jobs enable always trigger gjobs_record_changed;
