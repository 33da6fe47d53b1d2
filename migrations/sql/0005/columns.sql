-- The specification's two columns, and what keeps the second. Those that the app has already are its own, and stay on the way down.
insert into gjobs.replaced (object, restore)
select 'column public.generation_jobs.' || name, format('alter table public.generation_jobs drop column %I', name)
  from unnest(array['retry_count', 'completed_at']) as name
 where not exists (select from pg_attribute
                    where attrelid = 'public.generation_jobs'::regclass and attname = name and not attisdropped);

-- Nobody has counted the retries of the jobs that are there, and nobody knows when they were completed.
alter table public.generation_jobs
    add column if not exists retry_count integer default 0,
    add column if not exists completed_at timestamptz;

-- A time that the statement itself gives stays.
create or replace function gjobs.complete_job()
    returns trigger language plpgsql volatile security invoker set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        new.completed_at := now();
    elsif new.completed_at is not distinct from old.completed_at then
        new.completed_at := case when new.status in ('succeeded', 'failed') then now() end;
    end if;
    return new;
end $$;

revoke all on function gjobs.complete_job() from public;

-- A job that is new and ended has ended now; one that comes from elsewhere, as an undone deletion brings it back, did so before.
create trigger gjobs_complete_new before insert on public.generation_jobs
    for each row when (new.status in ('succeeded', 'failed') and new.completed_at is null and new.created_at = now())
    execute function gjobs.complete_job();
create trigger gjobs_complete before update on public.generation_jobs
    for each row when (old.status is distinct from new.status) execute function gjobs.complete_job();

alter table public.generation_jobs
    enable always trigger gjobs_complete_new,
    enable always trigger gjobs_complete;
