-- Without jobs nothing is spent. Under REPEATABLE READ the snapshot may be older than the last charge, so there the rows are truncated
-- as the jobs are.
create or replace function gjobs.charge_truncated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.budget_spending where true;
        delete from gjobs.budget_deleted_jobs where true;
    else
        truncate gjobs.budget_spending, gjobs.budget_deleted_jobs;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_truncated() from public;
