-- The app may have columns of these names, as its specification proposes. gjobs reads them, so other types are refused.
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
end $$;
