-- Adds the owners of the existing jobs, each in a separate transaction. A session that deletes users waits for at most one of these
-- transactions.
-- Users who are deleted meanwhile are not needed.
set synchronous_commit = off;

do $$
declare
    owner uuid := (select user_id from public.generation_jobs order by user_id limit 1);
begin
    while owner is not null loop
        begin
            insert into gjobs.known_users (id)
            select owner where not exists (select from gjobs.known_users k where k.id = owner);
        exception when foreign_key_violation then
            null;
        end;
        commit;
        owner := (select user_id from public.generation_jobs where user_id > owner order by user_id limit 1);
    end loop;
end $$;

reset synchronous_commit;
