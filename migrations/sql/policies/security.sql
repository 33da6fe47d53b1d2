-- The app's own function and view keep their names and lose their security faults. A pinned search_path prevents a caller's temporary
-- table from replacing one of the app's.
alter function public.update_updated_at_column() set search_path = '';
alter view public.generation_job_summary set (security_invoker = on);
