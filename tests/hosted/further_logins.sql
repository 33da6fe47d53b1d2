-- Grants of the owner to the other logins.
grant usage on schema public to least_privilege, under_policies;
grant select on public.generation_jobs, public.projects, public.assets to least_privilege, under_policies;
