-- One in eight calls of gjobs.count_waste checks whether all errors have a group. Without this index, it reads all deltas, also those that
-- a vacuum cannot remove yet.
create index if not exists waste_deltas_later on gjobs.waste_deltas (error_group) where error_group = 'later';
