-- Keeps completed_at, unless the statement sets it. A job inserted as ended gets the present time. A job with an earlier creation time, such
-- as a restored one, ended earlier.
create function public.set_completed_at()
    returns trigger language plpgsql volatile security invoker set search_path = '' as $$
begin
    if tg_op = 'INSERT' then
        if new.completed_at is null and new.created_at = now() and new.status::text in ('succeeded', 'failed') then
            new.completed_at := now();
        end if;
    elsif new.status is distinct from old.status and new.completed_at is not distinct from old.completed_at then
        new.completed_at := case when new.status::text in ('succeeded', 'failed') then now() end;
    end if;
    return new;
end $$;

create trigger set_completed_at before insert or update on public.generation_jobs
    for each row execute function public.set_completed_at();
