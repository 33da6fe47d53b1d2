comment on column gjobs.workers.user_id is 'the user that the worker acts as; null: the operator';
comment on column gjobs.workers.modes is 'the modes that it runs; null: all';
