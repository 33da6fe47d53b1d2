-- Drops the rollups of failed jobs and retries, which can be counted again.
drop trigger if exists gjobs_waste_inserted on public.generation_jobs;
drop trigger if exists gjobs_waste_updated on public.generation_jobs;
drop trigger if exists gjobs_waste_deleted on public.generation_jobs;
drop trigger if exists gjobs_waste_truncated on public.generation_jobs;
drop view if exists gjobs.job_waste;
drop view if exists gjobs.job_day_waste;
drop table if exists gjobs.waste_deltas, gjobs.waste_totals, gjobs.waste_days;
drop function if exists gjobs.list_waste();
drop function if exists gjobs.list_day_waste();
drop function if exists gjobs.count_waste();
drop view if exists gjobs.old_rows, gjobs.new_rows;
drop function if exists gjobs.waste_truncated();
drop function if exists gjobs.recount_waste();
drop function if exists gjobs.fold_waste(bigint);
drop function if exists gjobs.error_group(text);
