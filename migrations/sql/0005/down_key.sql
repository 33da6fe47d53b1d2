if to_regclass('public.stuck_jobs') is not null then
    lock table public.stuck_jobs in access exclusive mode;
end if;
-- Dropping the foreign key locks the users' table.
alter table gjobs.known_users drop constraint if exists known_users_id_fkey;
