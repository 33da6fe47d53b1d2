drop index if exists gjobs.waste_deltas_later;
