-- Restores the app's view and drops the rollups, which can be counted again. If an earlier build stored the body of
-- public.get_job_statistics, that is restored, too.
do $$
declare
    kept   record;
    reader text;
begin
    for kept in
        delete from gjobs.replaced
         where object in ('body of public.get_job_statistics(uuid)', 'query of public.generation_job_summary')
            or object like 'grant on public.generation\_job\_summary to %'
        returning restore
    loop
        execute kept.restore;
    end loop;
    for reader in
        select case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
          from pg_namespace n
         cross join lateral aclexplode(n.nspacl) as granted
          left join pg_roles r on r.oid = granted.grantee
         where n.nspname = 'gjobs' and granted.privilege_type = 'USAGE' and granted.grantee <> n.nspowner
    loop
        execute 'revoke usage on schema gjobs from ' || reader;
    end loop;
end $$;

drop trigger if exists gjobs_count_inserted on public.generation_jobs;
drop trigger if exists gjobs_count_deleted on public.generation_jobs;
drop trigger if exists gjobs_count_updated on public.generation_jobs;
drop trigger if exists gjobs_count_truncated on public.generation_jobs;
drop view if exists gjobs.job_counts;
drop view if exists gjobs.job_day_counts;
drop table if exists gjobs.job_deltas, gjobs.job_totals, gjobs.job_days, gjobs.job_folding;
drop sequence if exists gjobs.told_at;
drop function if exists gjobs.count_jobs();
drop function if exists gjobs.count_days();
drop function if exists gjobs.count_inserted();
drop function if exists gjobs.count_deleted();
drop function if exists gjobs.count_updated();
drop function if exists gjobs.count_truncated();
drop function if exists gjobs.recount_jobs();
drop function if exists gjobs.fold_deltas(bigint);
drop function if exists gjobs.tell_listeners(text);
drop function if exists gjobs.may_notify();
drop function if exists gjobs.rollups_agree();
