-- The lag of a replica behind its primary. Only the replica knows it. The data is reported as old from a lag of ten seconds.
-- Without streaming, the first comparison is null.
select '', case when seconds >= 10 then 'warning' else 'ok' end, 'replica',
       'This is a replica, which accepts no writes. '
       || coalesce('It is ' || round(seconds, 1) || ' s behind the primary server.', 'It has replayed all received changes.'),
       null, null
  from (select case when pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() then null
                    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::numeric end) replay (seconds)
