-- How far a replica has replayed the changes of its primary. Only a replica knows it. From a lag of ten seconds on, the data is
-- reported as old. Without streaming, the first comparison is null.
select '', case when seconds >= 10 then 'warning' else 'ok' end, 'replica',
       'This is a replica, which accepts no writes. '
       || coalesce('It is ' || round(seconds, 1) || ' s behind the primary server.', 'It has replayed all received changes.'),
       null, null
  from (select case when pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() then null
                    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::numeric end) replay (seconds)
