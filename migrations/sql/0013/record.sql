update gjobs.alembic_version set version_num = '0013' where version_num = '0012';
