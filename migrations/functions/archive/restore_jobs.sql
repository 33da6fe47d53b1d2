-- Restores jobs with all their values and returns those that were archived. Values of columns that the app has dropped since are kept in
-- the events, see gjobs.take_restored.
create or replace function gjobs.restore_jobs(p_job_ids uuid[])
    returns setof uuid language plpgsql volatile security invoker set search_path = '' set datestyle = 'ISO, YMD'
    set intervalstyle = 'postgres' set timezone = 'UTC' set lc_monetary = 'C' as $$
declare
    lost  record;
    moved uuid[];
begin
    perform set_config('gjobs.restoring', 'on', true);
    execute format($insert$
        with restored as (
            insert into public.generation_jobs
                   (id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count,
                    completed_at%s)
                   overriding system value
            select a.id, a.user_id, a.project_id, a.status, a.mode, (select s.id from public.assets s where s.id = a.input_asset_id),
                   a.error, a.cost_cents, a.created_at, a.updated_at, a.retry_count, a.completed_at%s
              from gjobs.archived_jobs a where a.id = any ($1)
            returning id
        )
        select array_agg(id) from restored
    $insert$, (select string_agg(format(', %I', name), '') from gjobs.further_columns()),
              (select string_agg(', ' || read, '') from gjobs.further_columns())) into moved using p_job_ids;
    perform set_config('gjobs.restoring', 'off', true);
    select a.id into lost from gjobs.archived_jobs a where a.id = any (moved) limit 1;
    if found then
        raise exception using
            message = format('the job %s did not come back as it was', lost.id),
            hint = 'A trigger of the database''s own changes new jobs: ask its owner.';
    end if;
    return query select unnest(moved);
end $$;
