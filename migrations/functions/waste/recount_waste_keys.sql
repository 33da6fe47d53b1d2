-- Replaces gjobs.waste_keys by the totals of the rollups by key. The session must hold the folding lock.
create or replace function gjobs.recount_waste_keys()
    returns void language plpgsql volatile security invoker set search_path = '' set row_security = off as $$
begin
    delete from gjobs.waste_keys where true;
    insert into gjobs.waste_keys select * from gjobs.sum_waste_keys();
end $$;

revoke all on function gjobs.recount_waste_keys() from public;
