comment on column gjobs.archived_jobs.input_asset_id is 'not a foreign key: if the asset is gone, the job is restored without it';
comment on column gjobs.archived_jobs.further is 'the values of the app''s own columns as text, by column name';
comment on column gjobs.retention_policies.applied_at is 'when somebody last started to apply it; null: never';
