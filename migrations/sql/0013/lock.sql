-- Waits until nobody writes jobs, and keeps writers waiting until the commit. So the former function grouped the earlier
-- deltas, which are counted again, and the new function groups the later ones.
lock table public.generation_jobs in share row exclusive mode;
