-- Brings back what this revision found.
lock table public.projects, public.assets, public.generation_jobs in access exclusive mode;

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
