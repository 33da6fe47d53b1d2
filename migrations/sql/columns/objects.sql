-- What an upgrade added to the app's schema, and how to undo it. Only the migrations' owner reads or writes this: `gjobs migrate remove`
-- executes it.
create table gjobs.replaced (
    id      bigint generated always as identity primary key,
    object  text not null unique,
    restore text not null
);

-- Sets completed_at. If the statement sets completed_at, its value is kept.
create function gjobs.complete_job()
    returns trigger language plpgsql volatile security invoker set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        new.completed_at := now();
    elsif new.completed_at is not distinct from old.completed_at then
        new.completed_at := case when new.status in ('succeeded', 'failed') then now() end;
    end if;
    return new;
end $$;
