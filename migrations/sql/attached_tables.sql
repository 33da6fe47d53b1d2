-- Foreign keys, which lock the users and the projects. Deleting a user or project also deletes its archived jobs.
alter table gjobs.budgets
    add constraint budgets_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    add constraint budgets_project_id_fkey foreign key (project_id) references public.projects (id) on delete cascade;
alter table gjobs.archived_jobs
    add constraint archived_jobs_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    add constraint archived_jobs_project_id_fkey foreign key (project_id) references public.projects (id) on delete cascade;
alter table gjobs.retention_policies
    add constraint retention_policies_project_id_fkey foreign key (project_id) references public.projects (id) on delete cascade;
