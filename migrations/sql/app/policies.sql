-- auth.uid() is evaluated once per statement.
create policy "Users can view own projects" on public.projects
    for select using ((select auth.uid()) = user_id);
create policy "Users can insert own projects" on public.projects
    for insert with check ((select auth.uid()) = user_id);
create policy "Users can update own projects" on public.projects
    for update using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users can delete own projects" on public.projects
    for delete using ((select auth.uid()) = user_id);

create policy "Users can view own assets" on public.assets
    for select using ((select auth.uid()) = user_id);
create policy "Users can insert own assets" on public.assets
    for insert with check ((select auth.uid()) = user_id);
create policy "Users can update own assets" on public.assets
    for update using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users can delete own assets" on public.assets
    for delete using ((select auth.uid()) = user_id);

create policy "Users can view own generation jobs" on public.generation_jobs
    for select using ((select auth.uid()) = user_id);
create policy "Users can insert own generation jobs" on public.generation_jobs
    for insert with check ((select auth.uid()) = user_id);
create policy "Users can update own generation jobs" on public.generation_jobs
    for update using ((select auth.uid()) = user_id) with check ((select auth.uid()) = user_id);
create policy "Users can delete own generation jobs" on public.generation_jobs
    for delete using ((select auth.uid()) = user_id);

-- No user puts a row into another user's project. `gjobs doctor` advises an app the same policies.
create policy "Own assets in own projects, INSERT" on public.assets
    as restrictive for insert with check (
    user_id is distinct from (select auth.uid())
    or exists (select from public.projects p
                where p.id = assets.project_id and p.user_id = (select auth.uid()))
);
create policy "Own assets in own projects, UPDATE" on public.assets
    as restrictive for update using (true) with check (
    user_id is distinct from (select auth.uid())
    or exists (select from public.projects p
                where p.id = assets.project_id and p.user_id = (select auth.uid()))
);
create policy "Own generation jobs in own projects, INSERT" on public.generation_jobs
    as restrictive for insert with check (
    user_id is distinct from (select auth.uid())
    or exists (select from public.projects p
                where p.id = generation_jobs.project_id and p.user_id = (select auth.uid()))
       and (generation_jobs.input_asset_id is null
             or exists (select from public.assets a
                         where a.id = generation_jobs.input_asset_id and a.user_id = (select auth.uid())))
);
create policy "Own generation jobs in own projects, UPDATE" on public.generation_jobs
    as restrictive for update using (true) with check (
    user_id is distinct from (select auth.uid())
    or exists (select from public.projects p
                where p.id = generation_jobs.project_id and p.user_id = (select auth.uid()))
       and (generation_jobs.input_asset_id is null
             or exists (select from public.assets a
                         where a.id = generation_jobs.input_asset_id and a.user_id = (select auth.uid())))
);
