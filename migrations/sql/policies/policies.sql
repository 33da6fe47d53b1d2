-- Users see and write only their own rows; auth.uid() is evaluated once per statement. A user can't put a row into another user's project,
-- or use another user's asset.

-- A policy refers to its functions by their oids, so callers need no usage on the schema.
grant execute on function gjobs.owns_project(uuid), gjobs.owns_asset(uuid) to public;

-- The app's policies are known by table, command and expression, whatever their names. Its other policies stay as they are.
do $$
declare
    own_rows constant text[] := array[
        '(auth.uid() = user_id)', '(( SELECT auth.uid() AS uid) = user_id)',
        '(user_id = auth.uid())', '(user_id = ( SELECT auth.uid() AS uid))'
    ];
    mine constant text := '(select auth.uid()) = user_id';
    policy record;
    target text;
begin
    for policy in
        select p.*,
               case p.tablename
                   when 'projects' then mine
                   when 'assets' then mine || ' and gjobs.owns_project(project_id) and gjobs.owns_asset(source_asset_id)'
                   else mine || ' and gjobs.owns_project(project_id) and gjobs.owns_asset(input_asset_id)'
               end as new_check
          from pg_policies p
         where p.schemaname = 'public' and p.tablename in ('projects', 'assets', 'generation_jobs')
           and p.permissive = 'PERMISSIVE'
           and coalesce(p.qual, p.with_check) = any (own_rows) and coalesce(p.with_check, p.qual) = any (own_rows)
         order by p.tablename, p.policyname
    loop
        target := format('policy %I on public.%I', policy.policyname, policy.tablename);
        insert into gjobs.replaced (object, restore) values (
            target,
            case
                -- ALTER POLICY cannot remove a check, so such a policy is dropped and created again.
                when policy.cmd in ('UPDATE', 'ALL') and policy.with_check is null then
                    format('drop %s; create %s for %s to %s using (%s)', target, target, policy.cmd,
                           (select string_agg(quote_ident(role), ', ') from unnest(policy.roles) as role), policy.qual)
                else
                    'alter ' || target || coalesce(' using (' || policy.qual || ')', '')
                        || coalesce(' with check (' || policy.with_check || ')', '')
            end
        );
        execute 'alter ' || target
            || case when policy.cmd <> 'INSERT' then ' using (' || mine || ')' else '' end
            || case when policy.cmd in ('INSERT', 'UPDATE', 'ALL') then ' with check (' || policy.new_check || ')' else '' end;
    end loop;
end $$;
