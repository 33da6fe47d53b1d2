-- They fire after the triggers that write the events, because triggers fire in the order of their names. Setting gjobs.archiving or
-- gjobs.restoring by hand allows no more than gjobs.archive_jobs and gjobs.restore_jobs do.
create trigger gjobs_store_archived after delete on public.generation_jobs
    referencing old table as old_rows
    for each statement when (current_setting('gjobs.archiving', true) = 'on') execute function gjobs.store_archived();
create trigger gjobs_take_restored after insert on public.generation_jobs
    referencing new table as new_rows
    for each statement when (current_setting('gjobs.restoring', true) = 'on') execute function gjobs.take_restored();
alter table public.generation_jobs
    enable always trigger gjobs_store_archived,
    enable always trigger gjobs_take_restored;
