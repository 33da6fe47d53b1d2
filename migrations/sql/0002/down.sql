-- Restores what this revision found.
do $$
declare
    kept record;
begin
    for kept in select restore from gjobs.replaced order by id loop
        execute kept.restore;
    end loop;
end $$;

drop function gjobs.owns_project(uuid);
drop function gjobs.owns_asset(uuid);
drop table gjobs.replaced;
