-- The number of the user who makes the request; null if the claim is no user's id, or the user is gone. A wrong claim or a deleted user
-- never makes a write fail.
create or replace function gjobs.acting_user()
    returns bigint language plpgsql volatile security invoker set search_path = '' as $$
declare
    actor uuid;
    known bigint;
begin
    begin
        actor := auth.uid();
    exception when invalid_text_representation then
        return null;
    end;
    if actor is null then
        return null;
    end if;
    known := (select number from gjobs.known_users where id = actor limit 1);
    if known is null then
        begin
            insert into gjobs.known_users (id) values (actor) returning number into known;
        exception when foreign_key_violation then
            return null;
        end;
    end if;
    return known;
end $$;

revoke all on function gjobs.acting_user() from public;
