-- Empty views that stand in for the transition tables that an operation lacks, see gjobs.count_waste.
create or replace view gjobs.new_rows as
    select null::uuid as user_id, null::uuid as project_id, null::text as status, null::text as mode, null::text as error,
           null::bigint as cost_cents, null::integer as retry_count, null::timestamptz as created_at
     where false;
create or replace view gjobs.old_rows as select * from gjobs.new_rows;
