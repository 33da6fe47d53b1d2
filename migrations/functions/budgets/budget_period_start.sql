-- The first day of the period that holds the day; -infinity for the total. Dates before January 4713 BC count as that month: the earliest
-- date's month would start before the first timestamp.
create or replace function gjobs.budget_period_start(p_period text, p_day date)
    returns date language sql immutable parallel safe security invoker set search_path = '' as $$
    select case p_period
               when 'day' then p_day
               when 'month' then
                   case when isfinite(p_day) then date_trunc('month', greatest(p_day, '4713-01-01 BC')::timestamp)::date else p_day end
               else '-infinity'
           end
$$;
