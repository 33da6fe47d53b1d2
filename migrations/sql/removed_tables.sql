execute (select format('lock table %s in access exclusive mode', string_agg(oid::regclass::text, ', ' order by oid))
           from pg_class where relnamespace = 'gjobs'::regnamespace and relkind = 'r');
