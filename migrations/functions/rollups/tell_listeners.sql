-- Notifies listeners of a changed job; an empty id stands for several jobs. Transactions with a notification commit one after the other,
-- each waiting for the disk. So at most one notification is sent in a tenth of a second; a listener waits longer than that before it
-- queries.
create or replace function gjobs.tell_listeners(p_job_id text)
    returns void language plpgsql volatile security definer set search_path = '' as $$
declare
    now_at constant bigint := extract(epoch from clock_timestamp()) * 1000;
begin
    if abs(now_at - (select last_value from gjobs.told_at)) > 100 and gjobs.may_notify() then
        perform setval('gjobs.told_at', now_at);
        perform pg_notify('gjobs_jobs', p_job_id);
    end if;
end $$;

revoke all on function gjobs.tell_listeners(text) from public;
