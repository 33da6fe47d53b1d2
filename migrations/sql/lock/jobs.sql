-- Of all tables the busiest first, and while nothing else is held.
lock table public.generation_jobs in access exclusive mode
