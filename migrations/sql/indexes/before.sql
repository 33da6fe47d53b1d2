-- If the app has another index of this name, the index stays and this upgrade is refused.
do $$
declare
    ours constant text := 'CREATE INDEX gjobs_queue ON public.generation_jobs USING btree ("left"(mode, 200), created_at, id)'
                          ' WHERE (status = ''queued''::text)';
    other text;
begin
    select coalesce(pg_get_indexdef(i.indexrelid), 'not an index') into other
      from pg_class c left join pg_index i on i.indexrelid = c.oid
     where c.oid = to_regclass('public.gjobs_queue') and pg_get_indexdef(i.indexrelid) is distinct from ours;
    if found then
        raise object_not_in_prerequisite_state using
            message = format('public.gjobs_queue is not the index that gjobs makes: %s.', other),
            hint = 'Rename it, then try again: ALTER INDEX public.gjobs_queue RENAME TO another_name;';
    end if;
end $$;
