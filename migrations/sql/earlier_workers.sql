-- Refuses while a worker of the earlier build runs: it could not work with the new schema. A worker that was not seen for longer has ended.
do $$
declare
    living constant text := (
        select string_agg(name, ', ' order by name) from gjobs.workers where stopped_at is null and seen_at > now() - interval '90 seconds'
    );
begin
    if living is not null then
        raise object_not_in_prerequisite_state using
            message = format('Workers of the earlier build run: %s. Nothing was changed.', living),
            hint = 'Stop them first. A worker that crashed counts as stopped after 90 seconds.';
    end if;
end $$;
