-- The app's own schema was compared with revision 0001 and equals it. From now on it is at that revision.
create table if not exists gjobs.alembic_version (
    version_num varchar(32) not null,
    constraint alembic_version_pkc primary key (version_num)
);
alter table gjobs.alembic_version enable row level security;
insert into gjobs.alembic_version (version_num) values ('0001');

-- Empty: the migrations created none of the tables, so the downgrade drops none.
create table if not exists gjobs.made_tables (name text primary key);
alter table gjobs.made_tables enable row level security;
