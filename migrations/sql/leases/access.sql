-- Privileges. Everything runs with its caller's rights. Readers of a job read its lease and links, and users run their own jobs.
create policy of_visible_jobs on gjobs.job_leases for select
    using (exists (select from public.generation_jobs j where j.id = job_id));
create policy of_visible_jobs on gjobs.job_links for select
    using (exists (select from public.generation_jobs j where j.id = job_id));

do $$
declare
    own_job constant text := 'exists (select from public.generation_jobs j where j.id = job_id and j.user_id = (select auth.uid()))';
    own_original constant text := replace(own_job, 'job_id', 'repeats');
    own_row constant text := '(select auth.uid()) = user_id';
begin
    execute format('create policy insert_own on gjobs.job_leases for insert with check (%s)', own_job);
    execute format('create policy update_own on gjobs.job_leases for update using (%1$s) with check (%1$s)', own_job);
    execute format('create policy delete_own on gjobs.job_leases for delete using (%s)', own_job);
    execute format('create policy insert_own on gjobs.job_links for insert with check (%s and %s)', own_job, own_original);
    execute format('create policy select_own on gjobs.workers for select using (%s)', own_row);
    execute format('create policy insert_own on gjobs.workers for insert with check (%s)', own_row);
    execute format('create policy update_own on gjobs.workers for update using (%1$s) with check (%1$s)', own_row);
    execute format('create policy delete_own on gjobs.workers for delete using (%s)', own_row);
end $$;

do $$
declare
    reader record;
begin
    for reader in
        select name from unnest(array['public', 'anon', 'authenticated', 'service_role']) as name
         where name = 'public' or to_regrole(name) is not null
    loop
        execute format('revoke all on gjobs.workers, gjobs.job_leases, gjobs.job_links from %s', reader.name);
    end loop;
    for reader in
        select case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end as name,
               bool_or(granted.privilege_type = 'SELECT') as reads, bool_or(granted.privilege_type = 'UPDATE') as writes
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.grantee <> c.relowner
         group by 1
    loop
        if reader.reads then
            execute format('grant usage on schema gjobs to %s', reader.name);
            execute format('grant select on gjobs.workers, gjobs.job_leases, gjobs.job_links to %s', reader.name);
        end if;
        if reader.reads and reader.writes then
            execute format('grant insert, update, delete on gjobs.workers, gjobs.job_leases to %s', reader.name);
            execute format('grant insert on gjobs.job_links to %s', reader.name);
        end if;
    end loop;
end $$;

grant execute on function
    gjobs.lock_queued(integer), gjobs.queued_of_modes(text[], integer), gjobs.choose_queued(text[], integer),
    gjobs.take_over_jobs(uuid, text[], integer, double precision),
    gjobs.claim_jobs(uuid, text[], integer, double precision),
    gjobs.finish_jobs(uuid, uuid[], integer[], text[], text[], integer[]),
    gjobs.postpone_jobs(uuid, uuid[], integer[], text[], integer[], double precision[]),
    gjobs.hand_back_jobs(uuid, uuid[], integer[]), gjobs.renew_leases(uuid, uuid[], integer[], double precision),
    gjobs.note_progress(uuid, uuid[], integer[], text[])
 to public;
