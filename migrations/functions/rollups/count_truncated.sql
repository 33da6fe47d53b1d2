-- Empties the rollups. Nobody else writes jobs or folds meanwhile. Under REPEATABLE READ the snapshot may miss later rows, so the rollups
-- are truncated instead of deleted.
create or replace function gjobs.count_truncated()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if current_setting('transaction_isolation') = 'read committed' then
        delete from gjobs.job_deltas where true;
        delete from gjobs.job_totals where true;
        delete from gjobs.job_days where true;
    else
        truncate gjobs.job_deltas, gjobs.job_totals, gjobs.job_days;
    end if;
    if not (case when pg_try_advisory_lock(1735353442, 1) then pg_advisory_unlock(1735353442, 1) else false end) then
        perform gjobs.tell_listeners('');
    end if;
    return null;
end $$;

revoke all on function gjobs.count_truncated() from public;
