drop index concurrently if exists public.gjobs_newest_of_project_status;
