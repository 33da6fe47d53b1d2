-- Who may use what. Nobody but the owner may use a table: everybody reads through the views, which filter by the caller. So no policy is
-- needed; row level security is on as a second lock. Default privileges may have granted more, so all is revoked first.
do $$
declare
    one record;
begin
    for one in
        select c.oid::regclass as relation, c.relkind,
               array(select case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
                       from aclexplode(c.relacl) as granted left join pg_roles r on r.oid = granted.grantee
                      where granted.grantee <> c.relowner) as grantees
          from pg_class c
         where c.relnamespace = 'gjobs'::regnamespace and c.relkind in ('r', 'v', 'S')
    loop
        if one.relkind = 'r' then
            execute format('alter table %s enable row level security', one.relation);
        end if;
        if one.grantees <> '{}' then
            execute format('revoke all on %s %s from %s', case one.relkind when 'S' then 'sequence' else 'table' end, one.relation,
                           array_to_string(one.grantees, ', '));
        end if;
        if one.relation = 'gjobs.alembic_version'::regclass and one.grantees <> '{}' then
            -- Other tools may read the revision.
            execute format('grant select on %s to %s', one.relation, array_to_string(one.grantees, ', '));
        end if;
    end loop;
    for one in
        select p.oid::regprocedure as function,
               array(select case granted.grantee when 0 then 'public' else quote_ident(r.rolname) end
                       from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as granted
                       left join pg_roles r on r.oid = granted.grantee
                      where granted.grantee <> p.proowner) as grantees
          from pg_proc p where p.pronamespace = 'gjobs'::regnamespace
    loop
        if one.grantees <> '{}' then
            execute format('revoke all on function %s from %s', one.function, array_to_string(one.grantees, ', '));
        end if;
    end loop;
end $$;

grant usage on schema gjobs to public;
grant select on
    gjobs.job_events, gjobs.log_start, gjobs.job_starts, gjobs.job_counts, gjobs.job_day_counts, gjobs.job_waste, gjobs.job_day_waste,
    gjobs.visible_error_groups,
    gjobs.visible_budgets, gjobs.visible_spending, gjobs.budget_states, gjobs.visible_leases, gjobs.visible_links, gjobs.visible_workers,
    gjobs.visible_archive, gjobs.visible_retention, gjobs.further_columns
 to public;
grant execute on function
    gjobs.visible_jobs(), gjobs.sees_job(uuid, uuid, uuid), gjobs.owns_project(uuid), gjobs.server_identity(), gjobs.error_group(text),
    gjobs.error_hash(text),
    gjobs.count_visible(text, boolean), gjobs.get_job_statistics(uuid), gjobs.budget_period_start(text, date),
    gjobs.check_budget(uuid, bigint), gjobs.link_retries(uuid[], uuid[]), gjobs.cut_error(text),
    gjobs.archive_jobs(uuid[]), gjobs.restore_jobs(uuid[]),
    gjobs.jobs_at(timestamptz, uuid, uuid[], integer, timestamptz)
 to public;

-- Workers and the operator's tools run as the owner, or as the role of hosted projects that bypasses row level security.
do $$
begin
    if to_regrole('service_role') is not null then
        grant select, insert, update, delete on gjobs.budgets, gjobs.workers, gjobs.job_leases, gjobs.job_links, gjobs.retention_policies
           to service_role;
        grant select on gjobs.budget_spending, gjobs.archived_jobs, gjobs.fold_progress to service_role;
        grant execute on function
            gjobs.fold_events(bigint), gjobs.count_again(), gjobs.choose_queued(text[], integer),
            gjobs.take_over_jobs(uuid, text[], integer, double precision),
            gjobs.claim_jobs(uuid, text[], integer, double precision),
            gjobs.finish_jobs(uuid, uuid[], integer[], text[], text[], integer[]),
            gjobs.postpone_jobs(uuid, uuid[], integer[], text[], integer[], double precision[]),
            gjobs.renew_leases(uuid, uuid[], integer[], double precision, text[])
         to service_role;
    end if;
end $$;
