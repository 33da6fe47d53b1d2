-- Adds the owners of jobs to the known users, before an event refers to them. It runs only when a job gets an owner: then the job's own
-- foreign key has found the user and locked the row. While a user is being deleted, an insert here would fail.
create or replace function gjobs.know_owners()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        insert into gjobs.known_users (id)
        select n.user_id from (select distinct user_id from new_rows where user_id is not null) n
         where not exists (select from gjobs.known_users k where k.id = n.user_id);
    else
        insert into gjobs.known_users (id)
        select new.user_id
         where new.user_id is not null and not exists (select from gjobs.known_users k where k.id = new.user_id);
    end if;
    return null;
end $$;

revoke all on function gjobs.know_owners() from public;
