-- Adds to gjobs.waste_keys what one statement changed in a table of rollups. Every session that changes rollups holds the folding lock,
-- except one that truncates the jobs, which empties all rollups.
create or replace function gjobs.add_waste_keys()
    returns trigger language plpgsql volatile security definer set search_path = '' as $$
begin
    if tg_op = 'TRUNCATE' then
        truncate gjobs.waste_keys;
        return null;
    end if;
    execute format(
        'merge into gjobs.waste_keys t
         using (
             select * from (%s) q
              where failed_count <> 0 or failed_cents <> 0 or retry_count <> 0 or retry_cents <> 0 or all_cents <> 0
         ) d
            on (t.dimension, t.key_hash) = (d.dimension, d.key_hash) and t.key is not distinct from d.key
          when matched and t.failed_count + d.failed_count = 0 and t.failed_cents + d.failed_cents = 0
                   and t.retry_count + d.retry_count = 0 and t.retry_cents + d.retry_cents = 0 and t.all_cents + d.all_cents = 0 then
               delete
          when matched then
               update set failed_count = t.failed_count + d.failed_count, failed_cents = t.failed_cents + d.failed_cents,
                          retry_count = t.retry_count + d.retry_count, retry_cents = t.retry_cents + d.retry_cents,
                          all_cents = t.all_cents + d.all_cents
          when not matched then
               insert values (d.dimension, d.key, d.key_hash, d.failed_count, d.failed_cents, d.retry_count, d.retry_cents, d.all_cents)',
        gjobs.waste_key_query(tg_table_name, case tg_op
            when 'INSERT' then 'select *, 1 as sign from new_rows'
            when 'DELETE' then 'select *, -1 as sign from old_rows'
            else 'select *, 1 as sign from new_rows union all select *, -1 from old_rows'
        end)
    );
    return null;
end $$;

revoke all on function gjobs.add_waste_keys() from public;
