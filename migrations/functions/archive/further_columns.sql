-- The columns that the app added to its jobs, with SQL expressions to write and read them. The column `written` is an expression for the
-- value of row j as text, or null. The column `read` is an expression for the value in the archived row `a`. A column that is newer than
-- the archived job has its default.
create or replace function gjobs.further_columns()
    returns table (name text, written text, read text) language sql stable security invoker set search_path = '' as $$
    select attname::text,
           format('case when j.%1$I is distinct from null then format(''%%s'', j.%1$I) end', attname),
           format('case when a.further ? %1$L then (a.further ->> %1$L)::%2$s else %3$s end', attname,
                  format_type(atttypid, atttypmod),
                  case when attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence('public.generation_jobs', attname))
                       else coalesce(pg_get_expr(adbin, adrelid), 'null') end)
      from pg_attribute
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
     where attrelid = 'public.generation_jobs'::regclass and attnum > 0 and not attisdropped and attgenerated = ''
       and attname not in ('id', 'user_id', 'project_id', 'status', 'mode', 'input_asset_id', 'error', 'cost_cents', 'created_at',
                           'updated_at', 'retry_count', 'completed_at')
     order by attnum
$$;
