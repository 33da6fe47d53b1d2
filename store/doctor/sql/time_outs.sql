-- The time-outs of the login and of the roles of requests.
select '', 'ok', 'time-outs', format('Time-outs by role: %s.', string_agg(settings, '; ' order by role)), null, null
  from (select r.rolname as role,
               format('%s %s', r.rolname, string_agg(
                   format('%s %s', replace(split_part(setting, '_timeout=', 1), '_', ' '), regexp_replace(setting, '^.*?=', '')),
                   ', ' order by setting)) as settings
          from pg_db_role_setting s
          join pg_roles r on r.oid = s.setrole
         cross join unnest(s.setconfig) as setting
         where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
           and (r.rolname in ('anon', 'authenticated', 'authenticator', 'service_role') or r.rolname = current_user)
           and setting ~ '^(statement|lock|idle_in_transaction_session|transaction)_timeout='
         group by r.rolname) roles
having count(*) > 0
