-- Drops the foreign keys, which locks the tables of users and projects.
alter table gjobs.budgets
    drop constraint budgets_user_id_fkey,
    drop constraint budgets_project_id_fkey;
