-- The upgrade continues when all indexes exist and are valid.
do $$
declare
    missing constant text := (
        select string_agg(name, ', ')
          from unnest(array['gjobs_newest', 'gjobs_newest_of_project', 'gjobs_newest_of_user', 'gjobs_newest_of_status',
                             'gjobs_newest_of_project_status', 'gjobs_updated', 'gjobs_costs', 'gjobs_total', 'gjobs_queue']) as name
         where not exists (select from pg_index where indexrelid = to_regclass('public.' || name) and indisvalid)
    );
begin
    if missing is not null then
        raise object_not_in_prerequisite_state using
            message = format('These indexes are not complete: %s.', missing),
            hint = 'Run ''gjobs migrate up'' again: it builds them anew.';
    end if;
end $$;
