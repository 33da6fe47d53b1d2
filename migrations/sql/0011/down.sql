-- Drops the rollups of failed jobs and retries, which can be counted again.
drop trigger gjobs_waste_inserted on public.generation_jobs;
drop trigger gjobs_waste_updated on public.generation_jobs;
drop trigger gjobs_waste_deleted on public.generation_jobs;
drop trigger gjobs_waste_truncated on public.generation_jobs;
drop view gjobs.job_waste;
drop view gjobs.job_day_waste;
drop table gjobs.waste_deltas, gjobs.waste_totals, gjobs.waste_days;
drop function gjobs.list_waste();
drop function gjobs.list_day_waste();
drop function gjobs.count_waste();
drop view if exists gjobs.old_rows, gjobs.new_rows;
drop function gjobs.waste_truncated();
drop function gjobs.recount_waste();
drop function gjobs.fold_waste(bigint);
drop function gjobs.error_group(text);
