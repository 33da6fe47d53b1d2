-- What the owner grants to the logins beside their own.
grant usage on schema public to least_privilege, under_policies;
grant select on public.generation_jobs, public.projects, public.assets to least_privilege, under_policies;
