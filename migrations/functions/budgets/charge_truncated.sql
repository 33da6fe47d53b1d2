-- Resets all spending to 0, unless a user truncated the jobs. Under REPEATABLE READ the snapshot may miss later charges, so the tables are
-- truncated instead of deleted from.
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
