-- Finds a moment's place among the transactions by bisection, because events have no index on their times: the first transaction that ends
-- after the moment, and the first one that begins after it. A transaction that began long before the moment may have written afterwards.
-- So the events before the place are searched, too, up to a limit.
with recursive ends as (
    select (select e.transaction_id from gjobs.job_events e
             order by e.transaction_id, e.id limit 1)::text::bigint as low,
           (select e.transaction_id from gjobs.job_events e
             order by e.transaction_id desc, e.id desc limit 1)::text::bigint + 1 as high
), goal as (
    select 'first' as goal, :moment - interval '{slack} s' as at
    union all
    select 'last', :moment + interval '{slack} s'
), step as (
    select goal.goal, goal.at, ends.low, ends.high from goal, ends where ends.low is not null
    union all
    select s.goal, s.at,
           case when found.at > s.at then s.low else found.number + 1 end,
           case when found.at > s.at then middle.number else s.high end
      from step s
     cross join lateral (select s.low + (s.high - s.low) / 2 as number) middle
     cross join lateral (
         select e.transaction_id, e.transaction_id::text::bigint as number, e.at from gjobs.job_events e
          where e.transaction_id >= middle.number::text::xid8 order by e.transaction_id, e.id limit 1
     ) near
     cross join lateral (
         select near.number, case s.goal when 'last' then near.at else e.at end as at from gjobs.job_events e
          where e.transaction_id = near.transaction_id order by e.id desc limit 1
     ) found
     where s.low < s.high
), place as (
    select coalesce(max(s.low) filter (where s.goal = 'first'), 0) as first,
           coalesce(max(s.low) filter (where s.goal = 'last'), 0) as last
      from step s where s.low >= s.high
), bound as (
    select coalesce(before.first, p.first) as first, p.last, before.searched_since
      from place p
     cross join lateral (
         select min(e.number) filter (where e.at > :moment) as first, (array_agg(e.at))[{most_changes}] as searched_since
           from (select e.transaction_id::text::bigint as number, e.at from gjobs.job_events e
                  where e.transaction_id < p.first::text::xid8
                  order by e.transaction_id desc, e.id desc limit {most_changes}) e
     ) before
)
select (select s.begins_at from gjobs.log_start s), b.first, b.last,
       (select count(*)
          from (select from gjobs.job_events e where e.transaction_id >= b.first::text::xid8
                 limit {most_changes} + 1) e),
       now(), b.searched_since,
       (select e.transaction_id::text::bigint from gjobs.job_events e where e.transaction_id >= b.first::text::xid8
         order by e.transaction_id desc, e.id desc offset {most_changes} limit 1)
  from bound b
