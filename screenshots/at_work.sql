-- Workers at the sample's running jobs, at the moment that the setting pictures.now names. The last one fell silent.
insert into gjobs.workers (id, name, host, process, modes, concurrency, started_at, seen_at)
select w.id::uuid, w.name, w.host, w.process, w.modes::text[], w.concurrency, at.now - w.up::interval, at.now - w.seen::interval
  from (values ('71a40000-0000-4000-8000-000000000001', 'studio-1', 'studio', 311, null, 2, '40 minutes', '4 seconds'),
               ('0be20000-0000-4000-8000-000000000002', 'render-1', 'build-7', 4711, '{lifestyle,feature_callout}', 8, '3 hours', '11 seconds'),
               ('9c3d0000-0000-4000-8000-000000000003', 'render-2', 'build-7', 4712, '{main_white}', 8, '3 hours', '4 minutes'))
       as w (id, name, host, process, modes, concurrency, up, seen)
       , (select current_setting('pictures.now')::timestamptz as now) at;

insert into gjobs.job_leases (job_id, owner, attempt, acquired_at, expires_at, note)
select j.id, l.owner::uuid, l.attempt, at.now - l.held::interval, at.now + l.remaining::interval, l.note
  from (select id, row_number() over (order by created_at desc, id) as number from generation_jobs where status = 'running') j
  join (values (1, '71a40000-0000-4000-8000-000000000001', 1, '31 seconds', '46 seconds', 'step 3 of 4'),
               (2, '0be20000-0000-4000-8000-000000000002', 2, '19 seconds', '41 seconds', 'step 2 of 4'),
               (3, null, 1, '36 seconds', '8 seconds', 'The image service is busy: 503'),
               (4, '9c3d0000-0000-4000-8000-000000000003', 1, '5 minutes', '-190 seconds', 'step 1 of 4'))
       as l (number, owner, attempt, held, remaining, note) using (number),
       (select current_setting('pictures.now')::timestamptz as now) at;

-- The newest succeeded job in the user's project took two attempts by two workers. Both reported progress.
with ended as (
    delete from gjobs.job_event_log e
     using (select j.id from generation_jobs j join projects p on p.id = j.project_id
             where p.name = 'Autumn catalog' and j.status = 'succeeded' order by j.created_at desc limit 1) newest
     where e.job_id = newest.id and e.to_status = 'succeeded'
    returning e.*
), happened as (
    select e.job_id, e.project_id, e.user_id, e.mode, null::date as day, n.kind, null as from_status, null as to_status, n.error,
           e.cost_cents, null::bigint as cents_change, e.retry_count, e.actor_role, n.owner, n.note,
           s.started_at + n.part * (e.at - s.started_at) as at
      from ended e
     cross join lateral (select s.started_at from gjobs.job_starts s where s.job_id = e.job_id) s
     cross join (values (0.15, 'progress', null, '9c3d0000-0000-4000-8000-000000000003', 'step 1 of 4'),
                        (0.30, 'retry', 'The image service is busy: 503', '9c3d0000-0000-4000-8000-000000000003', 'attempt 1 failed'),
                        (0.50, 'owner', null, '71a40000-0000-4000-8000-000000000001', 'attempt 2'),
                        (0.55, 'progress', null, '71a40000-0000-4000-8000-000000000001', 'step 1 of 4'),
                        (0.80, 'progress', null, '71a40000-0000-4000-8000-000000000001', 'step 3 of 4'))
           as n (part, kind, error, owner, note)
     union all
    select e.job_id, e.project_id, e.user_id, e.mode, e.day, e.kind, e.from_status, e.to_status, e.error, e.cost_cents, e.cents_change,
           e.retry_count, e.actor_role, '71a40000-0000-4000-8000-000000000001', null, e.at
      from ended e
)
insert into gjobs.job_event_log
       (transaction_id, job_id, project_id, user_id, mode, day, kind, from_status, to_status, error, cost_cents, cents_change, retry_count,
        actor_role, application, lease_owner, note, at)
select pg_current_xact_id(), job_id, project_id, user_id, mode, day, kind, from_status, to_status, error, cost_cents, cents_change,
       retry_count, actor_role, 'worker', owner, note, at
  from happened order by at;

-- Jobs of another user that were archived ten days ago: copies of finished ones, made a hundred days earlier.
insert into gjobs.archived_jobs
       (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, archived_at, further)
select md5(j.id::text)::uuid, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents,
       j.created_at - interval '100 days', j.updated_at - interval '100 days', at.now - interval '10 days',
       jsonb_build_object('retry_count', j.retry_count::text, 'completed_at', (j.completed_at - interval '100 days')::text)
  from (select j.*, row_number() over (partition by j.project_id, j.status order by j.created_at desc, j.id) as number
          from generation_jobs j join auth.users u on u.id = j.user_id
         where u.email = 'ben@example.com' and j.status in ('succeeded', 'failed')) j,
       (select current_setting('pictures.now')::timestamptz as now) at
 where j.number <= case j.status when 'succeeded' then 7 else 2 end;
