-- The jobs as the caller would have seen them at a moment, as far as the log reaches back. A job without an event after the moment is
-- unchanged. Any other job has the values of its last event up to the moment. If there is no such event, the job has the values from
-- before its first later event, as far as that event shows them. A job that was only archived or restored since is unchanged, too. A job of
-- which only the cost has changed since still has its error. Jobs that are gone are found by their events. The column `unrecorded` names
-- the values that were not recorded, separated by commas. It is null if all were recorded. With a project, jobs that have left it since are
-- missing.
-- A column that the table lacks is null: its name then refers to the column of `absent`.
--
-- The other arguments limit what is read. p_limit chooses the newest jobs that still exist, and all deleted jobs that are not
-- older than these. With p_gone_since, the events of each job are looked up, which is faster if many jobs changed. Then only the last 2,000
-- deletions since that time are read.
create function gjobs.jobs_at(
    p_moment timestamptz, p_project_id uuid default null, p_job_ids uuid[] default null, p_limit integer default null,
    p_gone_since timestamptz default null)
    returns table (
        id uuid, user_id uuid, project_id uuid, status text, mode text, input_asset_id uuid, error text, cost_cents bigint,
        created_at timestamptz, updated_at timestamptz, retry_count integer, completed_at timestamptz, started_at timestamptz,
        unrecorded text)
    language plpgsql stable security invoker set plan_cache_mode = force_custom_plan as $$
#variable_conflict use_column
declare
    began_at constant timestamptz := (select s.begins_at from gjobs.log_start s);
    sees_all constant boolean := gjobs.visible_jobs() = 'all';
begin
    if p_moment < began_at then
        raise invalid_parameter_value using message = pg_catalog.format('The log begins at %s.', began_at);
    end if;
    return query
    with live as materialized (
        select present.*
          from (select null::integer as retry_count, null::timestamptz as completed_at) absent
         cross join lateral (
             select id, user_id, project_id, status::text as status, mode::text as mode, input_asset_id, error::text as error,
                    cost_cents::bigint as cost_cents, created_at, updated_at, retry_count, completed_at
               from public.generation_jobs
              where created_at <= p_moment and (p_project_id is null or project_id = p_project_id)
                and (p_job_ids is null or id = any (p_job_ids))
              order by created_at desc, id desc limit p_limit
         ) present
    ), reach as materialized (
        select case when count(*) = p_limit then min(created_at) else '-infinity' end as since from live
    ), archived as materialized (
        select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents::bigint, created_at, updated_at,
               (further ->> 'retry_count')::integer as retry_count, (further ->> 'completed_at')::timestamptz as completed_at
          from gjobs.visible_archive
         where created_at <= p_moment and (p_project_id is null or project_id = p_project_id)
           and (p_job_ids is null or id = any (p_job_ids))
           and created_at >= (select since from reach) and archived_at > p_moment
         order by created_at desc, id desc limit p_limit
    ), later as materialized (
        select e.job_id, e.kind, e.project_id from gjobs.job_events e
         where e.at > coalesce(p_gone_since, p_moment) and (p_job_ids is null or e.job_id = any (p_job_ids))
           and (p_gone_since is null
                or e.kind in ('deleted', 'archived') and (p_project_id is null or e.project_id = p_project_id))
         order by case when p_gone_since is not null then e.at end desc limit case when p_gone_since is not null then 2000 end
    ), candidate as (
        select live.*, false as is_gone, false as is_deleted from live
        union all
        select archived.*, true, false from archived
        union all
        select e.job_id, null, null, null, null, null, null, null, null, null, null, null, true, true
          from (select distinct l.job_id from later l
                 where l.kind in ('deleted', 'archived') and (p_project_id is null or l.project_id = p_project_id)) e
         where not exists (select from public.generation_jobs j where j.id = e.job_id)
           and not exists (select from gjobs.visible_archive a where a.id = e.job_id)
    )
    select c.id, t.user_id, t.project_id, t.status, t.mode, c.input_asset_id, t.error, t.cost_cents, t.created_at, t.updated_at,
           t.retry_count, t.completed_at,
           coalesce((select s.started_at from gjobs.job_starts s where s.job_id = c.id and s.started_at <= p_moment), h.started_at),
           t.unrecorded
      from candidate c
      left join lateral (
          select h.*, (h.next).id is not null as is_past, (h.before).id is not null as has_before,
                 case when (h.before).id is not null then (h.before).to_status else (h.next).from_status end as status,
                 case when (h.before).id is not null then (h.before).user_id else (h.next).former_user_id end as user_id
            from (
                select where c.is_gone
                          or case when p_gone_since is not null then (select e.at from gjobs.job_events e where e.job_id = c.id
                                                       order by e.id desc limit 1) > p_moment
                                  else c.id in (select l.job_id from later l) end
                offset 0
            ) as due
           cross join lateral (
               select (pg_catalog.array_agg(e order by e.id))[1] as first,
                      (pg_catalog.array_agg(e order by e.id) filter (where e.at > p_moment))[1] as next,
                      (pg_catalog.array_agg(e order by e.id desc) filter (where e.at <= p_moment))[1] as before,
                      (pg_catalog.array_agg(e.error order by e.id desc) filter (where records.error))[1] as error,
                      coalesce(bool_or(records.error), false) as has_error,
                      max(e.at) filter (where e.at <= p_moment and e.kind = 'status') as changed_at,
                      min(e.at) filter (where e.at <= p_moment and e.to_status = 'running'
                                          and e.from_status is distinct from 'running') as started_at,
                      bool_and(e.kind in ('archived', 'restored')) filter (where e.at > p_moment) as is_only_archived,
                      -- The caller may not see the events of a time when another user owned the job.
                      bool_and(e.kind in ('cost', 'archived', 'restored') and not e.may_have_moved)
                          filter (where e.at > p_moment) as keeps_error
                 from gjobs.job_events e
                cross join lateral (
                    -- Other events leave the error out.
                    select e.at <= p_moment and (e.kind in ('created', 'restored', 'status', 'retry', 'error')
                                                 or e.to_status = 'failed' and e.error is not null) as error
                ) records
                where e.job_id = c.id and coalesce(e.from_status, e.to_status) is not null
           ) h
      ) h on true
     cross join lateral (
         select c.user_id, c.project_id, c.status, c.mode, c.error, c.cost_cents, c.created_at, c.updated_at, c.retry_count,
                c.completed_at, case when c.updated_at > p_moment then 'input_asset_id,updated_at' end as unrecorded
          where case when h.is_past then h.is_only_archived and not c.is_deleted and h.status is not null else not c.is_gone end
         union all
         select coalesce(h.user_id, c.user_id, '00000000-0000-0000-0000-000000000000'),
                coalesce((h.before).project_id, (h.next).former_project_id, (h.next).project_id), h.status,
                coalesce((h.before).mode, (h.next).mode), last.error,
                case when h.has_before then (h.before).cost_cents
                     when (h.next).to_status is null then (h.next).cost_cents
                     else (h.next).cost_cents - (h.next).cents_change end,
                -- A job whose first event is not its creation is older than the first event of all.
                coalesce(c.created_at, case when (h.first).from_status is null then (h.first).at else began_at end),
                coalesce((h.before).at, c.created_at, began_at),
                case when h.has_before then (h.before).retry_count when next_has_retries then (h.next).retry_count end,
                case when is_final then case when c.completed_at <= p_moment then c.completed_at else h.changed_at end end,
                pg_catalog.concat_ws(',', 'input_asset_id,updated_at',
                          case when has_hidden_owner or is_final and (c.completed_at <= p_moment) is not true then 'completed_at' end,
                          case when c.is_deleted then 'created_at' end,
                          case when has_hidden_owner or not has_error
                                    or last.error like '%[gjobs keeps only the start and the end of this error]%'
                               then 'error' end,
                          case when has_hidden_owner or h.user_id is null then 'user_id' end,
                          case when has_hidden_owner or not h.has_before and (h.next).may_have_moved then 'mode' end,
                          case when has_hidden_owner or not (h.has_before or next_has_retries) then 'retry_count' end,
                          case when has_hidden_owner then 'project_id,status,cost_cents' end)
           from (
               select h.status in ('succeeded', 'failed') as is_final,
                      -- The caller does not see the events of the owner from whom the job came next.
                      not sees_all and (h.next).may_have_moved and (h.next).former_user_id is null as has_hidden_owner,
                      case when error_is_current then c.error when h.has_error then h.error
                           when next_keeps_error then (h.next).error end as error,
                      error_is_current or h.has_error or next_keeps_error and (h.next).error is not null as has_error,
                      (h.next).kind in ('cost', 'error', 'deleted', 'archived') and not (h.next).may_have_moved as next_has_retries
                 from (
                     select h.keeps_error and not c.is_deleted as error_is_current,
                            (h.next).kind = 'cost' and not (h.next).may_have_moved as next_keeps_error
                 ) since
           ) last
          where h.is_past and h.status is not null and (c.is_deleted or not h.is_only_archived)
     ) t
     where (p_project_id is null or t.project_id = p_project_id)
       and (not c.is_deleted or t.created_at >= (select since from reach));
end $$;
