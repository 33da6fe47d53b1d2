-- Grants the summary view, which now reads the rollups, to every role that may read the jobs. An app may have granted only its tables.
-- The downgrade takes these grants back.
do $$
declare
    reader text;
begin
    for reader in
        select distinct case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_class c
         cross join lateral aclexplode(c.relacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where c.oid = 'public.generation_jobs'::regclass and granted.privilege_type = 'SELECT' and granted.grantee <> c.relowner
           and not exists (select from pg_class v cross join lateral aclexplode(v.relacl) as known
                            where v.oid = 'public.generation_job_summary'::regclass and known.privilege_type = 'SELECT'
                              and known.grantee = granted.grantee)
    loop
        execute format('grant select on public.generation_job_summary to %s', reader);
        insert into gjobs.replaced (object, restore)
        values ('grant on public.generation_job_summary to ' || reader,
                format('revoke select on public.generation_job_summary from %s', reader))
            on conflict (object) do nothing;
    end loop;
end $$;
