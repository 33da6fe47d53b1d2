drop index concurrently if exists public.gjobs_newest;

drop index concurrently if exists public.gjobs_newest_of_project;

drop index concurrently if exists public.gjobs_newest_of_user;

drop index concurrently if exists public.gjobs_newest_of_status;

drop index concurrently if exists public.gjobs_newest_of_project_status;

drop index concurrently if exists public.gjobs_updated;

drop index concurrently if exists public.gjobs_costs;

drop index concurrently if exists public.gjobs_total;

