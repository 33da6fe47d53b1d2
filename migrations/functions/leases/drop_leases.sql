-- Deletes the leases of deleted jobs.
create or replace function gjobs.drop_leases()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if tg_op = 'DELETE' then
        delete from gjobs.job_leases l using old_rows o where l.job_id = o.id;
    else
        delete from gjobs.job_leases where true;
    end if;
    return null;
end $$;

revoke all on function gjobs.drop_leases() from public;
