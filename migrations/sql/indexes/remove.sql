drop index concurrently if exists public.gjobs_queue;
