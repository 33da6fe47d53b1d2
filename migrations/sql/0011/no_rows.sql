-- Empty views that stand in for the transition tables that an operation lacks, see gjobs.count_waste. They are created once: replacing them
-- would block the app's writes, whose triggers read these views.
do $$ begin
    if to_regclass('gjobs.old_rows') is null then
        create or replace view gjobs.new_rows as
            select null::uuid as user_id, null::uuid as project_id, null::text as status, null::text as mode, null::text as error,
                   null::bigint as cost_cents, null::integer as retry_count, null::timestamptz as created_at
             where false;
        create view gjobs.old_rows as select * from gjobs.new_rows;
    end if;
end $$;
