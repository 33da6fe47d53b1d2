create trigger gjobs_begin_budgets before insert or update of user_id, project_id, period on gjobs.budgets
    for each statement execute function gjobs.begin_budgets();
create trigger gjobs_begin_budget after insert or update of user_id, project_id, period on gjobs.budgets
    for each row execute function gjobs.begin_budget();

-- They fire before the triggers gjobs_count_…, because triggers fire in the order of their names: see gjobs.count_spending.
create trigger gjobs_charge_inserted after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.charge_inserted();
create trigger gjobs_charge_updated after update on public.generation_jobs
    referencing old table as old_rows new table as new_rows for each statement execute function gjobs.charge_updated();
create trigger gjobs_charge_deleted after delete on public.generation_jobs
    referencing old table as old_rows for each statement execute function gjobs.charge_deleted();
create trigger gjobs_charge_truncated after truncate on public.generation_jobs
    for each statement execute function gjobs.charge_truncated();

alter table gjobs.budgets
    enable always trigger gjobs_begin_budgets,
    enable always trigger gjobs_begin_budget;
alter table public.generation_jobs
    enable always trigger gjobs_charge_inserted,
    enable always trigger gjobs_charge_updated,
    enable always trigger gjobs_charge_deleted,
    enable always trigger gjobs_charge_truncated;
