-- The app may already have a column or view of these names, as its specification proposes. It is taken over if it is equal; otherwise this
-- upgrade is refused.
do $$
declare
    other record;
begin
    for other in
        select a.attname, format_type(a.atttypid, a.atttypmod) as has, ours.type as wanted
          from (values ('retry_count', 'integer'), ('completed_at', 'timestamp with time zone')) as ours (name, type)
          join pg_attribute a on a.attrelid = 'public.generation_jobs'::regclass and a.attname = ours.name and not a.attisdropped
         where format_type(a.atttypid, a.atttypmod) <> ours.type
    loop
        raise object_not_in_prerequisite_state using
            message = format('The column %s of public.generation_jobs is %s, and not %s as gjobs needs it.', other.attname, other.has,
                             other.wanted),
            hint = format('Change it, or rename it, then try again: '
                          'ALTER TABLE public.generation_jobs RENAME COLUMN %1$I TO another_name;', other.attname);
    end loop;
    for other in
        select c.relkind,
               array(select a.attname::text from pg_attribute a
                      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns
          from pg_class c where c.oid = to_regclass('public.stuck_jobs')
    loop
        if other.relkind <> 'v' or other.columns is distinct from (
               array['id', 'user_id', 'project_id', 'status', 'mode', 'input_asset_id', 'error', 'cost_cents', 'created_at',
                     'updated_at', 'retry_count', 'completed_at']
           )[: cardinality(other.columns)]
        then
            raise object_not_in_prerequisite_state using
                message = 'public.stuck_jobs is not the view of the specification, which gjobs makes.',
                hint = 'Rename it, then try again: ALTER TABLE public.stuck_jobs RENAME TO another_name;';
        end if;
    end loop;
end $$;
