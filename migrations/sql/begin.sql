-- What every transaction starts with. Each name below carries its schema.
set local search_path = '';
set local standard_conforming_strings = on;
set local quote_all_identifiers = off;
set local statement_timeout = 0;
set local lock_timeout = '2s';
