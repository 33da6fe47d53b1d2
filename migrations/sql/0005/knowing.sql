-- Whoever owns a job is known before an event tells of it. Only where a job is given an owner: there its own foreign key has found
-- the user, and locked them. Where a user goes, and their jobs are changed on the way, ours would find them gone.
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

create or replace trigger gjobs_know_owners after insert on public.generation_jobs
    referencing new table as new_rows for each statement execute function gjobs.know_owners();
create or replace trigger gjobs_know_new_owner after update on public.generation_jobs
    for each row when (old.user_id is distinct from new.user_id) execute function gjobs.know_owners();

alter table public.generation_jobs
    enable always trigger gjobs_know_owners,
    enable always trigger gjobs_know_new_owner;
