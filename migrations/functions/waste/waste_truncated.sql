-- As gjobs.count_truncated, for the rollups of failed jobs and retries.
create or replace function gjobs.waste_truncated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.waste_deltas where true;
        delete from gjobs.waste_totals where true;
        delete from gjobs.waste_days where true;
    else
        truncate gjobs.waste_deltas, gjobs.waste_totals, gjobs.waste_days;
    end if;
    return null;
end $$;

revoke all on function gjobs.waste_truncated() from public;
