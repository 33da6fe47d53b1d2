CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT cron.schedule('gjobs-fold', '* * * * *', $$
  SELECT CASE gjobs.fold_events() WHEN -2 THEN gjobs.count_again() END
$$);
