lock table public.projects in access exclusive mode;
lock table public.assets in access exclusive mode;
lock table public.generation_job_summary in access exclusive mode;
