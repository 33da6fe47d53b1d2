-- Returns what gjobs.waste_keys must hold, from the rollups.
create or replace function gjobs.sum_waste_keys()
    returns table (dimension text, key text, key_hash bigint, failed_count bigint, failed_cents bigint, retry_count bigint,
                   retry_cents bigint, all_cents bigint)
    language plpgsql stable security invoker set search_path = '' as $$
begin
    return query execute (
        select 'select dimension, key, key_hash, sum(failed_count)::bigint, sum(failed_cents)::bigint, sum(retry_count)::bigint,
                       sum(retry_cents)::bigint, sum(all_cents)::bigint
                  from (' || string_agg(gjobs.waste_key_query(t, format('select *, 1 as sign from gjobs.%I', t)), ' union all ') || ') q
                 group by dimension, key, key_hash'
          from unnest(array['job_totals', 'job_days', 'waste_totals', 'waste_days']) t
    );
end $$;

revoke all on function gjobs.sum_waste_keys() from public;
