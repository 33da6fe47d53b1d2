-- The first day of the period that holds the day; -infinity for the total.
create or replace function gjobs.budget_period_start(p_period text, p_day date)
    returns date language sql immutable parallel safe security invoker set search_path = '' as $$
    select case p_period
               when 'day' then p_day
               when 'month' then date_trunc('month', p_day::timestamp)::date
               else '-infinity'
           end
$$;
