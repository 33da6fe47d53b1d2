-- Drops the totals of the rollups by key, which can be added up again.
do $$
declare
    rollup text;
begin
    foreach rollup in array array['job_totals', 'job_days', 'waste_totals', 'waste_days'] loop
        execute format(
            'drop trigger gjobs_keys_inserted on gjobs.%1$I; drop trigger gjobs_keys_deleted on gjobs.%1$I;
             drop trigger gjobs_keys_updated on gjobs.%1$I; drop trigger gjobs_keys_truncated on gjobs.%1$I',
            rollup
        );
    end loop;
end $$;
drop view gjobs.job_waste_keys;
drop view gjobs.job_waste_key_deltas;
drop table gjobs.waste_keys;
drop function gjobs.recount_waste_keys();
drop function gjobs.sum_waste_keys();
drop function gjobs.add_waste_keys();
drop function gjobs.waste_key_query(text, text);
