-- Removes a job from the archive when the same job is inserted again, and marks its event, which keeps the values of dropped columns. A
-- different job with the same id, which anybody may insert, leaves the archived one untouched.
create or replace function gjobs.take_restored()
    returns trigger language plpgsql volatile security definer set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set bytea_output = 'hex' set lc_monetary = 'C' as $$
begin
    execute format($take$
        with restored as (
            delete from gjobs.archived_jobs a
             using new_rows j
             cross join lateral (select %s as further) now_further
             where j.id = a.id
               and (j.user_id, j.project_id, j.status, j.mode, j.error, j.cost_cents, j.created_at, j.updated_at, j.retry_count,
                    j.completed_at)
                   is not distinct from
                   (a.user_id, a.project_id, a.status, a.mode, a.error, a.cost_cents, a.created_at, a.updated_at, a.retry_count,
                    a.completed_at)
               and j.input_asset_id is not distinct from (select s.id from public.assets s where s.id = a.input_asset_id)
               and not exists (select from jsonb_each(a.further) f
                                where now_further.further ? f.key and now_further.further -> f.key is distinct from f.value)
            returning a.id, (select 'Without dropped columns: ' || jsonb_object_agg(f.key, f.value)::text
                               from jsonb_each(a.further) f
                              where f.value <> 'null' and not now_further.further ? f.key) as note
        )
        update gjobs.job_event_log e set kind = 'restored', note = r.note
          from restored r
         where e.transaction_id = pg_current_xact_id() and e.job_id = r.id and e.kind = 'created'
    $take$, gjobs.written_further());
    return null;
end $$;

revoke all on function gjobs.take_restored() from public;
