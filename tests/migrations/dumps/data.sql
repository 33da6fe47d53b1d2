insert into auth.users (id, email, created_at) values
    ('00000000-0000-0000-0000-0000000000a0', 'ada@example.com', '2026-01-04 12:00:00+00'),
    ('00000000-0000-0000-0000-0000000000b0', 'ben@example.com', '2026-01-04 12:00:00+00');
insert into public.projects (id, user_id, name, created_at, updated_at) values
    ('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000a0', 'Autumn catalog', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00'),
    ('00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-0000000000b0', 'Spring lookbook', '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00');
insert into public.assets (id, user_id, project_id, kind, mode, prompt_version, prompt_payload, storage_path) values
    ('00000000-0000-0000-0000-0000000000a2', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'input', 'lifestyle', '1', '{}', 'shoe.png');
insert into gjobs.budgets (id, user_id, period, limit_cents) values
    ('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-0000000000a0', 'all', 10000);
insert into public.generation_jobs (id, user_id, project_id, mode, input_asset_id, cost_cents, created_at) values
    ('00000000-0000-0000-0000-000000000a10', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'lifestyle', '00000000-0000-0000-0000-0000000000a2', 200, '2026-01-04 16:00:00+00'),
    ('00000000-0000-0000-0000-000000000a11', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'packaging', null, 50, '2026-01-04 12:00:00+00'),
    ('00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'main_white', null, 250, '2026-01-04 14:00:00+00'),
    ('00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'feature_callout', null, 18, '2026-01-04 13:00:00+00'),
    ('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-0000000000a0', '00000000-0000-0000-0000-0000000000a1', 'lifestyle', null, 30, '2026-01-04 17:00:00+00'),
    ('00000000-0000-0000-0000-000000000b10', '00000000-0000-0000-0000-0000000000b0', '00000000-0000-0000-0000-0000000000b1', 'lifestyle', null, 100, '2026-01-04 18:00:00+00');
insert into gjobs.workers (id, name, host, process, concurrency, started_at, seen_at) values
    ('00000000-0000-0000-0000-0000000000d1', 'render-1', 'example', 4711, 2, '2026-01-04 12:00:00+00', '2026-01-04 12:00:00+00');
-- A lease of a hundred years, so that nobody who restores this dump takes the job over.
select gjobs.claim_jobs('00000000-0000-0000-0000-0000000000d1', null, 1, 3155760000);
insert into gjobs.job_links (job_id, repeats) values
    ('00000000-0000-0000-0000-000000000a14', '00000000-0000-0000-0000-000000000a13');
update public.generation_jobs set status = 'running' where id in ('00000000-0000-0000-0000-000000000a12', '00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-000000000a14');
update public.generation_jobs set status = 'succeeded', cost_cents = 255 where id = '00000000-0000-0000-0000-000000000a12';
update public.generation_jobs set status = 'failed', error = 'API timeout' where id in ('00000000-0000-0000-0000-000000000a13', '00000000-0000-0000-0000-000000000a14');
insert into gjobs.retention_policies (id, older_than, action) values
    ('00000000-0000-0000-0000-0000000000f1', '90 days', 'archive');
select gjobs.archive_jobs(array['00000000-0000-0000-0000-000000000a14']::uuid[]);
