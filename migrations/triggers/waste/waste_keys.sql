do $$
declare
    rollup text;
begin
    foreach rollup in array array['job_totals', 'job_days', 'waste_totals', 'waste_days'] loop
        execute format(
            'create trigger gjobs_keys_inserted after insert on gjobs.%1$I
                 referencing new table as new_rows for each statement execute function gjobs.add_waste_keys();
             create trigger gjobs_keys_deleted after delete on gjobs.%1$I
                 referencing old table as old_rows for each statement execute function gjobs.add_waste_keys();
             create trigger gjobs_keys_updated after update on gjobs.%1$I
                 referencing old table as old_rows new table as new_rows for each statement execute function gjobs.add_waste_keys();
             create trigger gjobs_keys_truncated after truncate on gjobs.%1$I
                 for each statement execute function gjobs.add_waste_keys();
             alter table gjobs.%1$I enable always trigger gjobs_keys_inserted, enable always trigger gjobs_keys_deleted,
                 enable always trigger gjobs_keys_updated, enable always trigger gjobs_keys_truncated',
            rollup
        );
    end loop;
end $$;
