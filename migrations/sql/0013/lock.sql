-- Waits until nobody writes jobs, and keeps writers waiting until the commit. So each delta has a group of either the former function, which
-- is counted again, or the new one.
lock table public.generation_jobs in share row exclusive mode;
