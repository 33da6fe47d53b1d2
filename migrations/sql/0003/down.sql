drop index concurrently if exists public.gjobs_newest;

drop index concurrently if exists public.gjobs_newest_of_project;

drop index concurrently if exists public.gjobs_newest_of_user;

drop index concurrently if exists public.gjobs_newest_of_status;
