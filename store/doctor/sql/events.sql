-- The events of gjobs: their size, whether too many are not folded into the rollups, and a task of pg_cron that folds them.
-- With 10,000 unfolded events, a statistic is read some 20 ms later.
select '', severity, finding, sentence, fix, hint
  from gjobs.fold_progress p
 cross join gjobs.settings s
 cross join lateral (
    select 1, 'ok', 'events',
           format('The events of gjobs take %s bytes. Expect about %s MB for 1,000 jobs. Events are kept for %s.',
                  pg_total_relation_size('gjobs.job_event_log'::regclass), cast(:megabytes as text), s.keep_events),
           null, null
     union all
    select 2, 'warning', 'unfolded-events',
           format('More than %s events are not folded into the rollups, so statistics are read slowly.',
                  to_char(cast(:most_unfolded as int), 'FM999,999')),
           null, 'Run ''gjobs fold''. Workers, dashboards and metrics fold while they run.'
     where p.unfolded > :most_unfolded
     union all
    select 3, 'ok', 'pg-cron',
           'Workers, dashboards and metrics fold events while they run. If none runs for long, pg_cron can fold:',
           cast(:fold_with_cron as text), null
     where exists (select from pg_available_extensions where name = :extension)
 ) found (place, severity, finding, sentence, fix, hint)
 order by place
