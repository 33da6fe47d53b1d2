-- Appends the change of a failed job, or of a retry, as deltas. It runs with its owner's rights, because those who write jobs may not
-- write here. Comparisons with null are not true, so a job without a status has not failed.
create or replace function gjobs.count_waste()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
declare
    old_group text;
    new_group text;
begin
    if tg_op <> 'INSERT' and (old.status = 'failed' or old.retry_count > 0) then
        old_group := case when old.status = 'failed' then gjobs.error_group(old.error) else '' end;
        insert into gjobs.waste_deltas
        values (old.user_id, old.project_id, old.mode, (old.created_at at time zone 'UTC')::date, old_group, -1,
                -coalesce(old.cost_cents, 0)::bigint);
    end if;
    if tg_op <> 'DELETE' and (new.status = 'failed' or new.retry_count > 0) then
        new_group := case when new.status = 'failed' then gjobs.error_group(new.error) else '' end;
        insert into gjobs.waste_deltas
        values (new.user_id, new.project_id, new.mode, (new.created_at at time zone 'UTC')::date, new_group, 1,
                coalesce(new.cost_cents, 0)::bigint);
    end if;
    if hashint8((extract(epoch from clock_timestamp()) * 1000000)::bigint) & 2047 < 2 then
        perform gjobs.fold_waste();
    end if;
    return null;
end $$;

revoke all on function gjobs.count_waste() from public;
