-- Then the others. An app's transaction that holds one of them may wait for the first: this gives up within the second after
-- which its server would look for a deadlock, so that the app is never the one that is refused.
set local lock_timeout = '250ms';
lock table public.projects in access exclusive mode;
lock table public.assets in access exclusive mode;
lock table public.generation_job_summary in access exclusive mode;
set local lock_timeout = '2s';
