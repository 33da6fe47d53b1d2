-- Returns a query that adds up rows of a table of rollups by each key. The rows need a column `sign`, which is 1 or -1. A day is written as
-- in JSON, whatever the session's DateStyle is.
create or replace function gjobs.waste_key_query(p_table text, p_rows text)
    returns text language sql immutable security invoker set search_path = '' as $$
    select format(
        'select k.dimension, k.key, hashtextextended(coalesce(k.key, ''''), 0) as key_hash,
                coalesce(sum(sign * job_count) filter (where kind = ''failed''), 0)::bigint as failed_count,
                coalesce(sum(sign * cost_cents) filter (where kind = ''failed''), 0)::bigint as failed_cents,
                coalesce(sum(sign * job_count) filter (where kind = ''retry''), 0)::bigint as retry_count,
                coalesce(sum(sign * cost_cents) filter (where kind = ''retry''), 0)::bigint as retry_cents,
                coalesce(sum(sign * cost_cents) filter (where kind = ''any''), 0)::bigint as all_cents
           from (select *, %s as kind from (%s) r) c
          cross join lateral (values %s) k (dimension, key)
          group by k.dimension, k.key',
        case p_table
            when 'waste_totals' then 'case when error_group <> '''' then ''failed'' else ''retry'' end'
            when 'waste_days' then 'case when has_failed then ''failed'' else ''retry'' end'
            else '''any'''
        end,
        p_rows,
        case when p_table in ('job_days', 'waste_days') then '(''day'', to_jsonb(c.day) #>> ''{}'')'
             else '(''all'', null), (''mode'', c.mode), (''project'', c.project_id::text), (''user'', c.user_id::text)'
        end || case p_table when 'waste_totals' then ', (''group'', c.error_group)' else '' end
    )
$$;

revoke all on function gjobs.waste_key_query(text, text) from public;
