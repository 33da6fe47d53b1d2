create or replace trigger gjobs_know_owners after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.know_owners();
create or replace trigger gjobs_know_new_owner after update on public.generation_jobs
    for each row when (old.user_id is distinct from new.user_id) execute function gjobs.know_owners();

alter table public.generation_jobs
    enable always trigger gjobs_know_owners,
    enable always trigger gjobs_know_new_owner;
