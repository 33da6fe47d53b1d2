if to_regclass('public.stuck_jobs') is not null then
    lock table public.stuck_jobs in access exclusive mode;
end if;
execute (select format('lock table %s in access exclusive mode', string_agg(oid::regclass::text, ', ' order by oid))
           from pg_class where relnamespace = 'gjobs'::regnamespace and relkind = 'r');
