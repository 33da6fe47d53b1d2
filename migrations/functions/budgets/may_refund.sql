-- Whether the acting role may lower what a job was charged: the operator and workers may, users may not. A worker that acts as a user
-- counts as that user, and may not refund. The acting role is read from a setting that security definer does not change. EXISTS is used
-- because a snapshot older than a concurrent TRUNCATE may see the table twice in pg_class.
create or replace function gjobs.may_refund()
    returns boolean language plpgsql stable security invoker set search_path = '' as $$
declare
    actor_role constant text := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    if exists (
           select from pg_roles r cross join pg_class c
            where r.rolname = actor_role and c.oid = 'public.generation_jobs'::regclass
              and (r.rolsuper or r.rolbypassrls or pg_has_role(r.oid, c.relowner, 'usage'))
       ) then
        return true;
    end if;
    return actor_role not in ('anon', 'authenticated') and auth.uid() is null;
exception when invalid_text_representation then
    -- The claims do not contain a user's id.
    return false;
end $$;

revoke all on function gjobs.may_refund() from public;
