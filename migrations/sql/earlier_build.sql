-- An earlier build left this database at its revision 0013, whose schema is that of revision 0002_gjobs.
drop table gjobs.made_tables;
comment on function gjobs.error_group(text) is null;
update gjobs.alembic_version set version_num = '0002_gjobs' where version_num = '0013';
