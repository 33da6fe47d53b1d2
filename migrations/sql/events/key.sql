-- The foreign key, which locks the users.
if not exists (select from pg_constraint where conrelid = 'gjobs.known_users'::regclass and conname = 'known_users_id_fkey') then
    alter table gjobs.known_users
        add constraint known_users_id_fkey foreign key (id) references auth.users (id) on delete cascade;
end if;
