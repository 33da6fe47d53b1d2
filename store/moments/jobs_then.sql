-- The jobs as they were at a moment. A job without an event after the moment is unchanged. Any other one has the values of its last event
-- until then. Without one, its next event has the former status and cost. Jobs that are gone are found by their events. Only older jobs
-- follow the last of the newest ones, so the list ends there.
with live as materialized (
    select {columns} from public.generation_jobs where {scope} {order}
), reach as materialized (
    select {reach} as since from live
), archived as materialized (
    {archived}
), deletion as materialized (
    select e.job_id from gjobs.job_event_log e
     where e.transaction_id >= cast(cast(:first_transaction as text) as xid8) and e.at > :moment
       and e.kind in ('deleted', 'archived') and {of_event}
     order by e.transaction_id desc, e.id desc limit {most_deleted}
), gone as materialized (
    select distinct e.job_id from deletion e
     where not exists (select from public.generation_jobs j where j.id = e.job_id) and {not_archived}
), begun as materialized (
    -- A job whose first event is not its creation is older than the first event of all.
    select g.job_id, first.at
      from gone g
     cross join lateral (
         select case when e.from_status is null then e.at else :began_at end as at
           from gjobs.job_event_log e where e.job_id = g.job_id and coalesce(e.from_status, e.to_status) is not null
          order by e.id limit 1
     ) first
     where first.at <= :moment and first.at >= (select since from reach)
), candidate as materialized (
    select {columns}, false as is_gone, false as is_deleted from live
    union all
    select {columns}, true, false from archived
    union all
    select b.job_id, null, null, null, null, null, null, null, b.at, b.at, null, null, true, true from begun b
)
select c.id, t.user_id, t.project_id, t.status, t.mode, c.input_asset_id, t.error, t.cost_cents, c.created_at, t.updated_at,
       t.retry_count, t.completed_at, t.unrecorded
  from candidate c
  left join lateral (
      select e.at from gjobs.job_event_log e where e.job_id = c.id order by e.id desc limit 1
  ) newest on true
  left join lateral (
      select next.id is not null as is_past,
             case when before.id is null then next.from_status else before.to_status end is not null as is_there,
             coalesce(before.to_status, next.from_status) as status,
             case when before.id is not null then before.cost_cents
                  when next.to_status is null then next.cost_cents
                  else next.cost_cents - next.cents_change end as cost_cents,
             coalesce(before.mode, next.mode) as mode, coalesce(before.project_id, next.project_id) as project_id,
             before.retry_count, before.at as updated_at, failed.error, failed.id is not null as has_error,
             (select k.id from gjobs.known_users k
               where k.number = coalesce(before.user_number, next.user_number)) as user_id
        from (select where c.is_gone or newest.at > :moment offset 0) as due
        left join lateral (
            select e.* from gjobs.job_event_log e
             where e.job_id = c.id and e.at > :moment and coalesce(e.from_status, e.to_status) is not null
             order by e.id limit 1
        ) next on true
        left join lateral (
            select e.* from gjobs.job_event_log e
             where e.job_id = c.id and e.at <= :moment and coalesce(e.from_status, e.to_status) is not null
             order by e.id desc limit 1
        ) before on next.id is not null
        left join lateral (
            select e.id, e.error from gjobs.job_event_log e
             where e.job_id = c.id and e.at <= :moment and coalesce(e.from_status, e.to_status) is not null
               and e.kind in ('created', 'restored', 'status', 'retry', 'error')
             order by e.id desc limit 1
        ) failed on before.id is not null
  ) changed on true
 cross join lateral (
     select c.user_id, c.project_id, c.status, c.mode, c.error, c.cost_cents, c.updated_at, c.retry_count, c.completed_at,
            case when c.updated_at > :moment then array['input_asset_id', 'updated_at'] else array[]::text[] end as unrecorded
      where changed.is_past is not true and not c.is_gone
     union all
     select coalesce(changed.user_id, c.user_id, '00000000-0000-0000-0000-000000000000'), changed.project_id, changed.status,
            changed.mode, changed.error, changed.cost_cents, coalesce(changed.updated_at, c.created_at), changed.retry_count,
            null,
            array_remove(array[
                'input_asset_id', 'updated_at', 'completed_at',
                case when c.is_deleted then 'created_at' end,
                case when not changed.has_error then 'error' end,
                case when changed.user_id is null then 'user_id' end,
                case when changed.updated_at is null then 'mode' end,
                case when changed.updated_at is null then 'retry_count' end
            ], null)
      where changed.is_past and changed.is_there
 ) t
 where {of_job}
