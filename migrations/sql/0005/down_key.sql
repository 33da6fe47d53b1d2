lock table public.stuck_jobs in access exclusive mode;
-- The foreign key, which locks the users.
alter table gjobs.known_users drop constraint known_users_id_fkey;
