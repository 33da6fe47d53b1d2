-- The upgrade continues when the index exists and is valid.
do $$
begin
    if not exists (select from pg_index where indexrelid = to_regclass('public.gjobs_queue') and indisvalid) then
        raise object_not_in_prerequisite_state using
            message = 'The index gjobs_queue is not complete.',
            hint = 'Run ''gjobs migrate up'' again: it builds it anew.';
    end if;
end $$;
