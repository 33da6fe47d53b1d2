set client_min_messages = notice;

select gjobs.count_again();

set client_min_messages = warning;
