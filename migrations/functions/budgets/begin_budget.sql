-- Counts what is already spent of a new budget, or of one that gets another user, project or period.
create or replace function gjobs.begin_budget()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    start constant date := gjobs.budget_period_start(new.period, (now() at time zone 'UTC')::date);
begin
    if tg_op = 'UPDATE' then
        delete from gjobs.budget_spending where budget_id = new.id;
        delete from gjobs.budget_charges where budget_id = new.id;
    end if;
    insert into gjobs.budget_spending (budget_id, period_start, spent_cents, is_counted)
    values (new.id, start, gjobs.count_spending(new, start), true);
    return null;
end $$;

revoke all on function gjobs.begin_budget() from public;
