do $$ begin perform pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('gjobs migrate', 0)); end $$;

reset client_min_messages;

reset lock_timeout;

reset statement_timeout;
