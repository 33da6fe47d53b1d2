-- `gjobs migrate remove` restores the query and the grants of the app's own view of this name.
insert into gjobs.replaced (object, restore)
select 'view public.stuck_jobs', concat_ws('; ',
           'drop view public.stuck_jobs',
           'create view public.stuck_jobs ' || coalesce('with (' || array_to_string(c.reloptions, ', ') || ') ', '')
               || 'as ' || rtrim(pg_get_viewdef(c.oid), ';'),
           (select string_agg(format('grant %s on public.stuck_jobs to %s', granted.privilege_type,
                                     case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end), '; ')
              from aclexplode(c.relacl) as granted left join pg_roles r on r.oid = granted.grantee))
  from (select to_regclass('public.stuck_jobs') as oid) there
  left join pg_class c on c.oid = there.oid
 where c.oid is not null;
insert into gjobs.replaced (object, restore) values ('view public.stuck_jobs', 'drop view public.stuck_jobs')
    on conflict (object) do nothing;

create or replace view public.stuck_jobs with (security_invoker = on) as
    select id, user_id, project_id, status, mode, input_asset_id, error, cost_cents, created_at, updated_at, retry_count, completed_at
      from public.generation_jobs
     where status = 'running' and updated_at < now() - interval '30 minutes';

do $$
declare
    reader text;
begin
    foreach reader in array array['public', 'anon', 'authenticated', 'service_role'] loop
        continue when reader <> 'public' and to_regrole(reader) is null;
        execute format('revoke all on public.stuck_jobs from %s', reader);
    end loop;
    for reader in
        select distinct case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.privilege_type = 'SELECT' and granted.grantee <> c.relowner
    loop
        execute format('grant select on public.stuck_jobs to %s', reader);
    end loop;
end $$;
