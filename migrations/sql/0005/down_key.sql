lock table public.stuck_jobs in access exclusive mode;
-- Which locks the users.
alter table gjobs.known_users drop constraint known_users_id_fkey;
