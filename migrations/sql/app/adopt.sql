-- The app's own schema was compared with that of revision 0001_app and equals it. From now on it is at that revision.
create table if not exists gjobs.alembic_version (
    version_num varchar(32) not null,
    constraint alembic_version_pkc primary key (version_num)
);
alter table gjobs.alembic_version enable row level security;
insert into gjobs.alembic_version (version_num) values ('0001_app');
