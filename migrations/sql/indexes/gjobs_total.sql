-- The longest and shortest jobs from creation to end, then the other jobs, page by page. Within the years of its conditions, 1 to 9999, no
-- subtraction fails, so this index never makes a write fail.

select 'drop index concurrently public.gjobs_total'
  from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass('public.gjobs_total') and not indisvalid
\gexec

create index concurrently if not exists gjobs_total on public.generation_jobs ((
    case when status in ('succeeded', 'failed')
              and least(created_at, updated_at) > to_timestamp(-62135596800)
              and greatest(created_at, updated_at) < to_timestamp(253402300799)
         then updated_at - created_at end
) desc nulls last, id desc);
