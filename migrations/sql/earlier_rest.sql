-- Drops the schema of the earlier build, whose data is copied. Its foreign keys lock the users, so it soon gives up.
set local lock_timeout = '200ms';
set local client_min_messages = warning;
drop schema gjobs_0013 cascade;
