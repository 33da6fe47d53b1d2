-- Whether the project is the caller's own. The caller's row level security applies.
create or replace function gjobs.owns_project(p_project_id uuid)
    returns boolean language plpgsql volatile security invoker set search_path = '' as $$
begin
    return exists (select from public.projects p where p.id = p_project_id and p.user_id = auth.uid());
end $$;
