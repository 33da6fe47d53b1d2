-- Record each committed change of a job.
create table public.ledger (place bigint generated always as identity, verb text not null, job_id uuid not null);
create function public.keep_ledger() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    insert into public.ledger (verb, job_id) values (lower(tg_op), coalesce(new.id, old.id));
    return null;
end $$;
create trigger keep_ledger after insert or update or delete on public.generation_jobs
    for each row execute function public.keep_ledger();
