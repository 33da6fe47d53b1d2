-- The jobs as they were at a moment. A job without an event after the moment is unchanged. Any other job has the values of its last event
-- up to the moment. A job without such an event has the status and cost that it had before its first later event. A job that was only
-- archived or restored since is unchanged, too. A column that the table lacks is null: its name then means that of `absent`. Jobs that are gone are found by their events. The list ends at the last live job that was
-- read: older deleted or archived jobs are left out.
with live as materialized (
    select present.*
      from (select null::integer as retry_count, null::timestamptz as completed_at) absent
     cross join lateral (select {columns} from public.generation_jobs where {scope} {order}) present
), reach as materialized (
    select {reach} as since from live
), archived as materialized (
    {archived}
), later as materialized (
    select e.job_id, e.kind, e.project_id from gjobs.job_events e
     where e.at > :moment and {is_later}
), candidate as (
    select {columns}, false as is_gone, false as is_deleted from live
    union all
    select {columns}, true, false from archived
    union all
    select e.job_id, {nulls}, true, true
      from (select distinct e.job_id from later e where e.kind in ('deleted', 'archived') and {of_event}) e
     where not exists (select from public.generation_jobs j where j.id = e.job_id) and {not_archived}
)
select c.id, t.user_id, t.project_id, t.status, t.mode, c.input_asset_id, t.error, t.cost_cents, t.created_at, t.updated_at,
       t.retry_count, t.completed_at, t.unrecorded, h.started_at
  from candidate c
  {newest}
  left join lateral (
      select h.*, (h.next).id is not null as is_past, (h.before).id is not null as has_before,
             case when (h.before).id is not null then (h.before).to_status else (h.next).from_status end as status,
             coalesce((h.before).user_id, (h.next).user_id) as user_id
        from (select where c.is_gone or {is_due} offset 0) as due
       cross join lateral (
           select (array_agg(e order by e.id))[1] as first,
                  (array_agg(e order by e.id) filter (where e.at > :moment))[1] as next,
                  (array_agg(e order by e.id desc) filter (where e.at <= :moment))[1] as before,
                  (array_agg(e.error order by e.id desc) filter (where {is_error}))[1] as error,
                  coalesce(bool_or({is_error}), false) as has_error,
                  max(e.at) filter (where e.at <= :moment and e.kind = 'status') as changed_at,
                  min(e.at) filter (where e.at <= :moment and e.to_status = 'running'
                                      and e.from_status is distinct from 'running') as started_at,
                  bool_and(e.kind in ('archived', 'restored')) filter (where e.at > :moment) as is_only_archived
             from gjobs.job_events e
            where e.job_id = c.id and coalesce(e.from_status, e.to_status) is not null
       ) h
  ) h on true
 cross join lateral (
     select c.user_id, c.project_id, c.status, c.mode, c.error, c.cost_cents, c.created_at, c.updated_at, c.retry_count,
            c.completed_at, case when c.updated_at > :moment then 'input_asset_id,updated_at' end as unrecorded
      where case when h.is_past then h.is_only_archived and not c.is_deleted and h.status is not null else not c.is_gone end
     union all
     select coalesce(h.user_id, c.user_id, '00000000-0000-0000-0000-000000000000'),
            coalesce((h.before).project_id, (h.next).project_id), h.status,
            coalesce((h.before).mode, (h.next).mode), h.error,
            case when h.has_before then (h.before).cost_cents
                 when (h.next).to_status is null then (h.next).cost_cents
                 else (h.next).cost_cents - (h.next).cents_change end,
            -- A job whose first event is not its creation is older than the first event of all.
            coalesce(c.created_at, case when (h.first).from_status is null then (h.first).at else :began_at end),
            coalesce((h.before).at, c.created_at, :began_at), (h.before).retry_count,
            case when h.status in ({final}) then case when c.completed_at <= :moment then c.completed_at else h.changed_at end end,
            concat_ws(',', 'input_asset_id,updated_at',
                      case when h.status in ({final}) and (c.completed_at <= :moment) is not true then 'completed_at' end,
                      case when c.is_deleted then 'created_at' end,
                      case when not h.has_error then 'error' end,
                      case when h.user_id is null then 'user_id' end,
                      case when not h.has_before then 'mode,retry_count' end)
      where h.is_past and h.status is not null and (c.is_deleted or not h.is_only_archived)
 ) t
 where {of_job} and (not c.is_deleted or t.created_at >= (select since from reach))
