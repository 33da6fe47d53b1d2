update gjobs.alembic_version set version_num = '0012' where version_num = '0013';
