-- If the app has another index of one of these names, the index stays and this upgrade is refused.
do $$
declare
    other record;
begin
    -- Fails early if a relation is missing that a foreign key needs later.
    perform 'public.projects'::regclass;
    for other in
        select c.relname, coalesce(pg_get_indexdef(i.indexrelid), 'not an index') as definition
          from (values
                   ('gjobs_newest', '(created_at DESC, id DESC)'),
                   ('gjobs_newest_of_project', '(project_id, created_at DESC, id DESC)'),
                   ('gjobs_newest_of_user', '(user_id, created_at DESC, id DESC)'),
                   ('gjobs_newest_of_status', '(status, created_at DESC, id DESC)'),
                   ('gjobs_updated', '(updated_at DESC, id DESC)'),
                   ('gjobs_costs', '(cost_cents DESC, id DESC)'),
                   ('gjobs_total', '(( CASE WHEN ((status = ANY (ARRAY[''succeeded''::text, ''failed''::text]))'
                        ' AND (LEAST(created_at, updated_at) > to_timestamp((''-62135596800''::bigint)::double precision))'
                        ' AND (GREATEST(created_at, updated_at) < to_timestamp((''253402300799''::bigint)::double precision)))'
                        ' THEN (updated_at - created_at) ELSE NULL::interval END) DESC NULLS LAST, id DESC)'),
                   ('gjobs_newest_of_project_status', '(project_id, status, created_at DESC, id DESC)'),
                   ('gjobs_queue', '("left"(mode, 200), created_at, id) WHERE (status = ''queued''::text)')
               ) as ours (name, columns)
          join pg_class c on c.oid = to_regclass('public.' || ours.name)
          left join pg_index i on i.indexrelid = c.oid
         where regexp_replace(pg_get_indexdef(i.indexrelid), '\s+', ' ', 'g') is distinct from
               format('CREATE INDEX %I ON public.generation_jobs USING btree %s', ours.name, ours.columns)
    loop
        raise object_not_in_prerequisite_state using
            message = format('public.%I is not the index that gjobs makes: %s.', other.relname, other.definition),
            hint = format('Rename it, then try again: ALTER INDEX public.%I RENAME TO another_name;', other.relname);
    end loop;
end $$;
