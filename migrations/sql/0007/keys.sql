-- Foreign keys, which lock the users and the projects.
alter table gjobs.budgets
    add constraint budgets_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade,
    add constraint budgets_project_id_fkey foreign key (project_id) references public.projects (id) on delete cascade;
