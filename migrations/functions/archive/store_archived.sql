-- Stores a job that is deleted in order to be archived, and marks its event. It runs with its owner's rights, so that every role that may
-- delete a job may archive it without other grants. An archived job with the same id is replaced.
create or replace function gjobs.store_archived()
    returns trigger language plpgsql volatile security definer set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set bytea_output = 'hex' set lc_monetary = 'C' as $$
begin
    execute format($insert$
        insert into gjobs.archived_jobs
               (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                completed_at, further)
        select j.id, j.user_id, j.project_id, j.status, j.mode, j.input_asset_id, j.error, j.cost_cents, j.created_at, j.updated_at,
               j.retry_count, j.completed_at, %s
          from old_rows j
         where (j.user_id is null or exists (select from auth.users u where u.id = j.user_id))
           and (j.project_id is null or exists (select from public.projects p where p.id = j.project_id))
            on conflict (id) do update
           set (user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                completed_at, archived_at, further) =
               (excluded.user_id, excluded.project_id, excluded.status, excluded.mode, excluded.input_asset_id, excluded.error,
                excluded.cost_cents, excluded.created_at, excluded.updated_at, excluded.retry_count, excluded.completed_at,
                excluded.archived_at, excluded.further)
    $insert$, gjobs.written_further());
    update gjobs.job_event_log e set kind = 'archived'
      from old_rows o
     where e.transaction_id = pg_current_xact_id() and e.job_id = o.id and e.kind = 'deleted';
    return null;
end $$;

revoke all on function gjobs.store_archived() from public;
