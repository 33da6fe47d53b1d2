-- Without jobs nothing is spent, unless a user truncated them. Under REPEATABLE READ the snapshot may be older than the last charge, so
-- there the rows are truncated as the jobs are.
create or replace function gjobs.charge_truncated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if not gjobs.may_refund() then
        return null;
    end if;
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.budget_spending where true;
        delete from gjobs.budget_charges where true;
    else
        truncate gjobs.budget_spending, gjobs.budget_charges;
    end if;
    return null;
end $$;

revoke all on function gjobs.charge_truncated() from public;
