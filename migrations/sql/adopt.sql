-- The app's own schema, compared with revision 0001 and found to be it, is at that revision from here on.
create table if not exists gjobs.alembic_version (
    version_num varchar(32) not null,
    constraint alembic_version_pkc primary key (version_num)
);
alter table gjobs.alembic_version enable row level security;
insert into gjobs.alembic_version (version_num) values ('0001');

-- Empty: none of the tables was made by the migrations, so going down drops none.
create table if not exists gjobs.made_tables (name text primary key);
alter table gjobs.made_tables enable row level security;
