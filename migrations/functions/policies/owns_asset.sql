-- Whether the asset belongs to the caller; true if the id is null. It is a volatile function for the same reasons as gjobs.owns_project.
create or replace function gjobs.owns_asset(p_asset_id uuid)
    returns boolean language plpgsql volatile security invoker set search_path = '' as $$
begin
    return p_asset_id is null
        or exists (select from public.assets a where a.id = p_asset_id and a.user_id = auth.uid());
end $$;
