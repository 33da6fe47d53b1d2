-- Outside a transaction: a concurrent build waits as long as it must, and other runs are locked out.
set statement_timeout = 0;

set lock_timeout = 0;

set client_min_messages = warning;

do $$
begin
    if not pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('gjobs migrate', 0)) then
        raise lock_not_available using message = 'Another migration is running.';
    end if;
end $$;
