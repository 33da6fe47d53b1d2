-- Foreign keys, which lock the users and the projects.
alter table gjobs.budgets
    drop constraint budgets_user_id_fkey,
    drop constraint budgets_project_id_fkey;
