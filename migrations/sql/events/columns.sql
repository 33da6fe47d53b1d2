-- The specification's two columns. `gjobs migrate remove` drops only those that the app did not have already.
insert into gjobs.replaced (object, restore)
select 'column public.generation_jobs.' || name, format('alter table public.generation_jobs drop column if exists %I', name)
  from unnest(array['retry_count', 'completed_at']) as name
 where not exists (select from pg_attribute
                    where attrelid = 'public.generation_jobs'::regclass and attname = name and not attisdropped);

-- The retries and the completion times of existing jobs are unknown.
alter table public.generation_jobs
    add column if not exists retry_count integer default 0,
    add column if not exists completed_at timestamptz;
