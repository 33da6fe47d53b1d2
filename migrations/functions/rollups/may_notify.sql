-- True if it is certain that a notification does not make the app's transaction fail. PREPARE TRANSACTION fails after a notification, and a
-- commit fails if the queue of notifications is full.
create or replace function gjobs.may_notify()
    returns boolean language plpgsql volatile security invoker set search_path = '' as $$
begin
    return current_setting('max_prepared_transactions')::integer = 0 and pg_notification_queue_usage() < 0.5;
end $$;

revoke all on function gjobs.may_notify() from public;
