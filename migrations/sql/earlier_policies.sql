-- Gives the app its policies back, each in a transaction of its own: on a hosted server, a change of a policy locks tables of auth.
-- What came back leaves gjobs.replaced, so that the next run continues after an interruption.

select format('do %L', format($policy$
begin
    for attempt in 1 .. 12 loop
        begin
            set local lock_timeout = '200ms';
            set local search_path = '';
            execute %L;
            delete from gjobs.replaced where id = %s;
            return;
        exception when lock_not_available then
            perform pg_catalog.pg_sleep(pg_catalog.random() * 0.1);
        end;
    end loop;
    raise lock_not_available using message = 'The app''s tables stay in use.';
end $policy$, restore, id))
  from gjobs.replaced where object like 'policy %' and not exists (select from gjobs.made_tables) order by id desc
\gexec
