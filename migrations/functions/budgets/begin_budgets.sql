-- Waits for those who write jobs, and makes them wait until this transaction ends. So no cost falls between what gjobs.begin_budget
-- counts and what is charged later.
create or replace function gjobs.begin_budgets()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise feature_not_supported using message = 'budgets are set in transactions that are read committed';
    end if;
    lock table public.generation_jobs in share mode;
    return null;
end $$;

revoke all on function gjobs.begin_budgets() from public;
