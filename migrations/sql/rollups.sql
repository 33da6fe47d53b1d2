-- Rollups: numbers of jobs and their costs, up to a snapshot. Events are folded into them outside of the app's writes; readers add the
-- events that are not folded yet. In any snapshot, both together equal a count of the jobs.

-- The key is the md5 of the other columns, which may be null, or longer than an index entry. The fill factor leaves space for a row's new
-- version on its page.
create table gjobs.job_totals (
    key         uuid    primary key,
    user_id     uuid,
    project_id  uuid,
    status      text,
    mode        text,
    error_group text,
    is_retry    boolean,
    job_count   bigint  not null,
    cost_cents  bigint  not null
) with (fillfactor = 70);
create index job_totals_user_id on gjobs.job_totals (user_id);
create index job_totals_project_id on gjobs.job_totals (project_id);

create table gjobs.job_days (
    key         uuid    primary key,
    user_id     uuid,
    project_id  uuid,
    day         date,
    has_failed  boolean,
    is_retry    boolean,
    job_count   bigint  not null,
    cost_cents  bigint  not null
) with (fillfactor = 70);
create index job_days_user_id on gjobs.job_days (user_id, day);
create index job_days_project_id on gjobs.job_days (project_id, day);
create index job_days_day on gjobs.job_days (day);

-- The groups of the errors of failed jobs. Grouping an error takes 20 times as long as finding its hash here. A reader's query groups an
-- error without a row, so a row that is missing or left over costs only time. Each user has their own rows, because a hash may reveal an
-- error. Readers of all jobs use the rows with the user id 0. The index keeps them together. Folding counts the jobs of each row and
-- removes the rows without jobs.
create table gjobs.error_groups (
    error_hash  uuid    not null,
    user_id     uuid    not null,
    error_group text    not null,
    job_count   bigint  not null,
    primary key (user_id, error_hash) include (error_group)
);

comment on column gjobs.error_groups.error_hash is 'gjobs.error_hash of the error';
comment on column gjobs.error_groups.user_id is '0 for the jobs of all users';
comment on column gjobs.job_totals.error_group is 'of failed jobs; null for others';
comment on column gjobs.job_days.day is 'the UTC day of created_at';

-- One row: which events the rollups hold. An event is not folded if its transaction was not visible to the snapshot of the last fold:
-- transaction_id >= next, or = any (open). The oldest running transaction of the server does not decide:
-- it may be a forgotten one in any database, and would then stop all folding.
create table gjobs.fold_state (
    only_row        boolean     primary key default true check (only_row),
    is_counted      boolean     not null,
    next            xid8        not null,
    open            xid8[]      not null,
    server_identity text        not null,
    folded_at       timestamptz not null default clock_timestamp(),
    recorded_since  timestamptz not null default clock_timestamp(),
    removed_before  timestamptz,
    removed_to      xid8
);

comment on column gjobs.fold_state.is_counted is 'false before the first count, and after a restore on another server';
comment on column gjobs.fold_state.open is 'the other transactions that had not ended, and the one that folded';
comment on column gjobs.fold_state.recorded_since is 'when the triggers of the log were created';
comment on column gjobs.fold_state.removed_before is
    'all removed events are older, some older ones may be left; null if none was removed';
comment on column gjobs.fold_state.removed_to is
    'the last transaction of which an event was removed; null after a restore on another server';

-- Which server and database this is. A dump that is restored elsewhere starts at low transaction ids. A copy of the files keeps both.
create function gjobs.server_identity()
    returns text language sql stable security invoker set search_path = '' as $$
    select concat_ws(':', (select s.system_identifier from pg_control_system() s),
                     (select d.oid from pg_database d where d.datname = current_database()), 'gjobs.fold_state'::regclass::oid)
$$;

insert into gjobs.fold_state (is_counted, next, open, server_identity) values (false, pg_current_xact_id(), '{}', gjobs.server_identity());

-- The state, whether the jobs were truncated since the last count, and the number of events that are not folded yet, up to 10,001.
create view gjobs.fold_progress as
    select f.*, exists (
               select from gjobs.job_event_log e
                where e.kind = 'truncated' and (e.transaction_id >= f.next or e.transaction_id = any (f.open))
           ) as is_truncated, (
               select count(*)
                 from (select from gjobs.job_event_log e
                        where e.transaction_id >= f.next or e.transaction_id = any (f.open) limit 10001) e
           ) as unfolded
      from gjobs.fold_state f;

-- How far back the log reaches: all later events are kept. Events of an earlier build are older than the triggers, and some are missing.
-- After a removal, the log begins at the limit of the removal, not at the first event that is left. Later transactions may have written
-- earlier events, which were removed. Everybody may read begins_at. It is the time of an event only after a TRUNCATE.
create view gjobs.log_start with (security_barrier = on) as
    select greatest(
               coalesce(f.removed_before, f.recorded_since),
               (select e.at from gjobs.job_event_log e where e.kind = 'truncated' order by e.transaction_id desc, e.id desc limit 1)
           ) as begins_at, f.removed_to
      from gjobs.fold_state f;

-- What each event changes in the rollups: it subtracts the job from one total, and adds it to another.
create view gjobs.job_changes as
    select e.transaction_id, e.id, side.change as job_count,
           case when side.change < 0 and e.has_moved then e.former_user_id else e.user_id end as user_id,
           case when side.change < 0 and e.has_moved then e.former_project_id else e.project_id end as project_id,
           case when side.change < 0 and e.has_moved then e.former_mode else e.mode end as mode,
           case when side.change < 0 and e.has_moved then e.former_day else e.day end as day,
           case when side.change < 0 then e.from_status else e.to_status end as status,
           coalesce(case when side.change < 0 and e.has_moved then e.former_retry_count else e.retry_count end, 0) > 0 as is_retry,
           case when side.change > 0 then coalesce(e.cost_cents, 0)
                when e.kind in ('deleted', 'archived') then e.cents_change
                else e.cents_change - coalesce(e.cost_cents, 0) end as cost_cents,
           case when side.change < 0 then coalesce(e.former_error, e.error, '') else coalesce(e.error, '') end as error
      from gjobs.job_event_log e
     cross join (values (-1), (1)) side (change)
     where e.cents_change is not null
       and case when side.change < 0 then e.kind not in ('created', 'restored') else e.kind not in ('deleted', 'archived') end;

-- Folds up to p_most events of ended transactions into the rollups, and removes old folded events. Returns the number of folded events; -1
-- if another session folds; -2 if the jobs must be counted first, by gjobs.count_again. It runs with its owner's rights, because no other
-- role may write the rollups; it changes nothing that readers see, except that it removes old events.
create function gjobs.fold_events(p_most bigint default 20000)
    returns bigint language plpgsql volatile security definer
    set search_path = '' set datestyle = 'ISO' set row_security = off set plan_cache_mode = force_custom_plan as $$
declare
    most_removed constant integer := 5000;
    oldest_kept  constant timestamptz := clock_timestamp() - (select s.keep_events from gjobs.settings s);
    this_one     constant xid8 := pg_current_xact_id();
    all_users    constant uuid := '00000000-0000-0000-0000-000000000000';
    state        gjobs.fold_state;
    is_void      boolean;
    folded       bigint;
    no_totals    uuid[];
    no_days      uuid[];
    no_errors    tid[];
begin
    select * into state from gjobs.fold_state for update skip locked;
    if not found then
        return -1;
    end if;
    if not state.is_counted or state.server_identity <> gjobs.server_identity() then
        return -2;
    end if;

    -- One statement, so one snapshot. Events of this very transaction are left: it may write more. A transaction is folded whole.
    with snapshot as materialized (
        select pg_snapshot_xmax(s) as xmax, array(select x from pg_snapshot_xip(s) x union select this_one) as xip
          from pg_current_snapshot() s
    ), bounds as materialized (
        select least(s.xmax, (
                   select (e.transaction_id::text::bigint + 1)::text::xid8 from gjobs.job_event_log e
                    where e.transaction_id >= state.next order by e.transaction_id offset p_most limit 1
               )) as bound, s.xip, p.is_truncated
          from snapshot s cross join gjobs.fold_progress p
    ), changes as materialized (
        select c.*
          from bounds b
          join gjobs.job_changes c on c.transaction_id < b.bound
         where not b.is_truncated and c.transaction_id >= state.next and c.transaction_id <> this_one
        union all
        select c.*
          from bounds b
          join gjobs.job_changes c on c.transaction_id < b.bound
         where not b.is_truncated and c.transaction_id = any (state.open) and c.transaction_id < state.next and c.transaction_id <> this_one
    ), errors as materialized (
        select e.error, gjobs.error_hash(e.error) as error_hash,
               coalesce((select g.error_group from gjobs.error_groups g
                          where g.user_id = all_users and g.error_hash = gjobs.error_hash(e.error)),
                        gjobs.error_group(e.error)) as error_group
          from (select distinct error from changes where status = 'failed') e
    ), sums as materialized (
        select c.user_id, c.project_id, c.status, c.mode, e.error_group, c.is_retry, c.day,
               sum(c.job_count)::bigint as job_count, sum(c.cost_cents)::bigint as cost_cents
          from changes c
          left join errors e on c.status = 'failed' and e.error = c.error
         group by c.user_id, c.project_id, c.status, c.mode, e.error_group, c.is_retry, c.day
        having sum(c.job_count) <> 0 or sum(c.cost_cents) <> 0
    ), totals as (
        insert into gjobs.job_totals as t
        select md5(row(s.user_id, s.project_id, s.status, s.mode, s.error_group, s.is_retry)::text)::uuid, s.user_id, s.project_id,
               s.status, s.mode, s.error_group, s.is_retry, sum(s.job_count), sum(s.cost_cents)
          from sums s group by s.user_id, s.project_id, s.status, s.mode, s.error_group, s.is_retry
        having sum(s.job_count) <> 0 or sum(s.cost_cents) <> 0
            on conflict (key) do update set job_count = t.job_count + excluded.job_count, cost_cents = t.cost_cents + excluded.cost_cents
        returning t.key, t.job_count = 0 and t.cost_cents = 0 as is_nothing
    ), days as (
        insert into gjobs.job_days as d
        select md5(row(s.user_id, s.project_id, s.day, s.error_group is not null, s.is_retry)::text)::uuid, s.user_id, s.project_id,
               s.day, s.error_group is not null, s.is_retry, sum(s.job_count), sum(s.cost_cents)
          from sums s group by s.user_id, s.project_id, s.day, s.error_group is not null, s.is_retry
        having sum(s.job_count) <> 0 or sum(s.cost_cents) <> 0
            on conflict (key) do update set job_count = d.job_count + excluded.job_count, cost_cents = d.cost_cents + excluded.cost_cents
        returning d.key, d.job_count = 0 and d.cost_cents = 0 as is_nothing
    ), groups as (
        insert into gjobs.error_groups as g
        select e.error_hash, coalesce(c.user_id, all_users), min(e.error_group), sum(c.job_count)
          from changes c join errors e on c.status = 'failed' and e.error = c.error
         group by grouping sets ((e.error_hash), (e.error_hash, c.user_id))
        having sum(c.job_count) <> 0 and (grouping(c.user_id) = 1 or c.user_id <> all_users)
            on conflict (user_id, error_hash) do update set job_count = g.job_count + excluded.job_count
        returning g.ctid, g.job_count = 0 as is_nothing
    ), moved_on as (
        update gjobs.fold_state
           set next = b.bound, open = array(select x from unnest(b.xip) x where x < b.bound), folded_at = clock_timestamp()
          from bounds b where not b.is_truncated
    )
    select b.is_truncated, (select count(distinct c.id) from changes c), array(select t.key from totals t where t.is_nothing),
           array(select d.key from days d where d.is_nothing), array(select g.ctid from groups g where g.is_nothing)
      into is_void, folded, no_totals, no_days, no_errors
      from bounds b;
    if is_void then
        return -2;
    end if;
    delete from gjobs.job_totals t where t.key = any (no_totals);
    delete from gjobs.job_days d where d.key = any (no_days);
    delete from gjobs.error_groups g where g.ctid = any (no_errors) and g.job_count = 0;

    with removed as (
        delete from gjobs.job_event_log e
         using (select l.transaction_id, l.id from gjobs.job_event_log l order by l.transaction_id, l.id limit most_removed) oldest,
               gjobs.fold_state f
         where e.transaction_id = oldest.transaction_id and e.id = oldest.id and e.at < oldest_kept
           and e.transaction_id < f.next and e.transaction_id <> all (f.open)
        returning e.transaction_id
    )
    update gjobs.fold_state f
       set removed_before = greatest(f.removed_before, oldest_kept), removed_to = greatest(f.removed_to, r.transaction_id)
      from (select transaction_id from removed order by transaction_id desc limit 1) r
     where true;
    return folded;
exception
    when serialization_failure then
        return -1;      -- The caller's snapshot is older than another fold.
end $$;

-- Replaces the rollups by a count of the jobs, and returns their number; -1 if another session folds. One statement, so one snapshot: what
-- is committed later is not folded yet. It locks nothing but the state, and keeps the jobs from being truncated meanwhile, as any reader
-- does. On another server, the ids of the transactions of earlier events mean nothing. These events get the id 0, which counts as folded.
create function gjobs.count_again()
    returns bigint language plpgsql volatile security definer
    set search_path = '' set datestyle = 'ISO' set row_security = off set plan_cache_mode = force_custom_plan
    set enable_nestloop = off as $$
declare
    this_one  constant xid8 := pg_current_xact_id();
    all_users constant uuid := '00000000-0000-0000-0000-000000000000';
    counted   bigint;
begin
    perform from gjobs.fold_state for update skip locked;
    if not found then
        return -1;
    end if;
    if exists (select from gjobs.job_event_log where transaction_id = this_one and cents_change is not null) then
        raise object_not_in_prerequisite_state using message = 'this transaction has already written jobs';
    end if;
    if (select f.server_identity <> gjobs.server_identity() from gjobs.fold_state f) then
        update gjobs.job_event_log set transaction_id = '0' where transaction_id <> '0';
        update gjobs.fold_state set removed_to = null where true;
    end if;
    delete from gjobs.job_totals where true;
    delete from gjobs.job_days where true;
    delete from gjobs.error_groups where true;
    with errors as materialized (
        select e.error, gjobs.error_hash(e.error) as error_hash, gjobs.error_group(e.error) as error_group
          from (select distinct coalesce(j.error::text, '') as error from public.generation_jobs j where j.status::text = 'failed') e
    ), sums as materialized (
        select j.user_id, j.project_id, j.status::text as status, j.mode::text as mode, e.error_group,
               coalesce(j.retry_count, 0) > 0 as is_retry, (j.created_at at time zone 'UTC')::date as day,
               count(*) as job_count, coalesce(sum(j.cost_cents), 0)::bigint as cost_cents
          from (select null::integer as retry_count) absent
         cross join lateral (
               select user_id, project_id, status, mode, error, cost_cents, created_at, retry_count from public.generation_jobs
               ) j
          left join errors e on j.status::text = 'failed' and e.error = coalesce(j.error::text, '')
         group by 1, 2, 3, 4, 5, 6, 7
    ), totals as (
        insert into gjobs.job_totals
        select md5(row(s.user_id, s.project_id, s.status, s.mode, s.error_group, s.is_retry)::text)::uuid,
               s.user_id, s.project_id, s.status, s.mode, s.error_group, s.is_retry, sum(s.job_count), sum(s.cost_cents)
          from sums s group by s.user_id, s.project_id, s.status, s.mode, s.error_group, s.is_retry
    ), days as (
        insert into gjobs.job_days
        select md5(row(s.user_id, s.project_id, s.day, s.error_group is not null, s.is_retry)::text)::uuid,
               s.user_id, s.project_id, s.day, s.error_group is not null, s.is_retry, sum(s.job_count), sum(s.cost_cents)
          from sums s group by s.user_id, s.project_id, s.day, s.error_group is not null, s.is_retry
    ), groups as (
        insert into gjobs.error_groups
        select e.error_hash, coalesce(j.user_id, all_users), min(e.error_group), count(*)
          from public.generation_jobs j join errors e on j.status::text = 'failed' and e.error = coalesce(j.error::text, '')
         group by grouping sets ((e.error_hash), (e.error_hash, j.user_id))
        having grouping(j.user_id) = 1 or j.user_id <> all_users
    ), counted_up_to as (
        update gjobs.fold_state
           set is_counted = true, folded_at = clock_timestamp(), next = pg_snapshot_xmax(s),
               open = array(select x from pg_snapshot_xip(s) x union select this_one),
               server_identity = gjobs.server_identity()
          from pg_current_snapshot() s
         where true
    )
    select coalesce(sum(job_count), 0) into counted from sums;
    return counted;
exception
    when serialization_failure then
        return -1;
end $$;

-- How to read: the state of the rollups, and which of their rows the caller may see. If visible is 'some', the jobs themselves are counted.
create view gjobs.rollup_reader with (security_barrier = on) as
    select case when p.is_counted and p.server_identity = gjobs.server_identity() and not p.is_truncated
                     and gjobs.visible_jobs() in ('all', 'own') then gjobs.visible_jobs() else 'some' end as visible,
           (select auth.uid()) as caller, p.next, p.open
      from gjobs.fold_progress p;

-- The stored groups of the errors of the caller's jobs, or of all. The user's id is a condition of the index, so EXPLAIN does not
-- reveal the errors of others.
create view gjobs.visible_error_groups with (security_barrier = on) as
    select g.error_hash, g.error_group
      from gjobs.error_groups g
     where g.user_id = (
           select case when visible = 'all' then '00000000-0000-0000-0000-000000000000'
                       when visible in ('own', 'more') then nullif(auth.uid(), '00000000-0000-0000-0000-000000000000') end
             from gjobs.visible_jobs() visible
     );

-- The changes that are not folded yet, of jobs that the caller sees.
create view gjobs.unfolded_changes with (security_barrier = on) as
    with r as materialized (select * from gjobs.rollup_reader)
    select c.user_id, c.project_id, c.status, c.mode, c.day, c.is_retry, c.job_count, c.cost_cents, c.error
      from gjobs.job_changes c
     where c.transaction_id >= (select next from r where visible in ('all', 'own'))
       and ((select visible = 'all' from r) or c.user_id = (select caller from r))
    union all
    select c.user_id, c.project_id, c.status, c.mode, c.day, c.is_retry, c.job_count, c.cost_cents, c.error
      from gjobs.job_changes c
     where c.transaction_id = any ((select open from r where visible in ('all', 'own'))::xid8[])
       and c.transaction_id < (select next from r)
       and ((select visible = 'all' from r) or c.user_id = (select caller from r));

-- The counts with the caller's rights; no rows unless p_counts. p_what is 'totals', 'days' or 'waste'. It is a function, so that the
-- planner does not add its cost to each view.
create function gjobs.count_visible(p_what text, p_counts boolean)
    returns table (user_id uuid, project_id uuid, status text, mode text, day date, error_group text, is_retry boolean, job_count bigint,
                   cost_cents bigint)
    language plpgsql stable security invoker rows 10 set enable_nestloop = off as $$
begin
    if p_counts then
        return query
            with errors as materialized (
                select e.error, gjobs.error_group(e.error) as its_group
                  from (select distinct coalesce(j.error::text, '') as error
                          from public.generation_jobs j where j.status::text = 'failed' and p_what = 'waste') e
            )
            select j.user_id, j.project_id, j.status::text as its_status, case when p_what <> 'days' then j.mode::text end as its_mode,
                   case when p_what = 'days' then (j.created_at at time zone 'UTC')::date end as its_day, e.its_group,
                   coalesce(j.retry_count, 0) > 0 as retries, count(*), coalesce(sum(j.cost_cents), 0)::bigint
              from (select null::integer as retry_count) absent
             cross join lateral (
                   select g.user_id, g.project_id, g.status, g.mode, g.error, g.cost_cents, g.created_at, retry_count
                     from public.generation_jobs g
                   ) j
              left join errors e on j.status::text = 'failed' and e.error = coalesce(j.error::text, '')
             group by j.user_id, j.project_id, its_status, its_mode, its_day, e.its_group, retries;
    end if;
end $$;

-- Only the totals of a key are exact, because folded rows and later changes are separate rows. A view that is only a union is no security
-- barrier, so the unions are in subqueries.
create view gjobs.job_counts with (security_barrier = on) as
    with r as materialized (select * from gjobs.rollup_reader)
    select user_id, project_id, status, mode, job_count, cost_cents from (
        select t.user_id, t.project_id, t.status, t.mode, t.job_count, t.cost_cents
          from gjobs.job_totals t where (select visible = 'all' from r)
        union all
        select t.user_id, t.project_id, t.status, t.mode, t.job_count, t.cost_cents
          from gjobs.job_totals t where t.user_id = (select caller from r where visible = 'own')
        union all
        select c.user_id, c.project_id, c.status, c.mode, c.job_count, c.cost_cents from gjobs.unfolded_changes c
        union all
        select c.user_id, c.project_id, c.status, c.mode, c.job_count, c.cost_cents
          from gjobs.count_visible('totals', (select visible = 'some' from r)) c
    ) sums;

create view gjobs.job_day_counts with (security_barrier = on) as
    with r as materialized (select * from gjobs.rollup_reader)
    select user_id, project_id, day, job_count, cost_cents from (
        select d.user_id, d.project_id, d.day, d.job_count, d.cost_cents from gjobs.job_days d where (select visible = 'all' from r)
        union all
        select d.user_id, d.project_id, d.day, d.job_count, d.cost_cents
          from gjobs.job_days d where d.user_id = (select caller from r where visible = 'own')
        union all
        select c.user_id, c.project_id, c.day, c.job_count, c.cost_cents from gjobs.unfolded_changes c
        union all
        select c.user_id, c.project_id, c.day, c.job_count, c.cost_cents
          from gjobs.count_visible('days', (select visible = 'some' from r)) c
    ) sums;

-- Waste: failed jobs, and retries that did not fail. The error group of such retries is ''.
create view gjobs.job_waste with (security_barrier = on) as
    with r as materialized (select * from gjobs.rollup_reader)
    select user_id, project_id, mode, error_group, job_count, cost_cents from (
        select t.user_id, t.project_id, t.mode, coalesce(t.error_group, '') as error_group, t.job_count, t.cost_cents
          from gjobs.job_totals t where (t.status = 'failed' or t.is_retry) and (select visible = 'all' from r)
        union all
        select t.user_id, t.project_id, t.mode, coalesce(t.error_group, ''), t.job_count, t.cost_cents
          from gjobs.job_totals t
         where (t.status = 'failed' or t.is_retry) and t.user_id = (select caller from r where visible = 'own')
        union all
        select c.user_id, c.project_id, c.mode, case c.status when 'failed' then gjobs.error_group(c.error) else '' end, c.job_count,
               c.cost_cents
          from gjobs.unfolded_changes c where c.status = 'failed' or c.is_retry
        union all
        select c.user_id, c.project_id, c.mode, coalesce(c.error_group, ''), c.job_count, c.cost_cents
          from gjobs.count_visible('waste', (select visible = 'some' from r)) c where c.status = 'failed' or c.is_retry
    ) sums;

create view gjobs.job_day_waste with (security_barrier = on) as
    with r as materialized (select * from gjobs.rollup_reader)
    select user_id, project_id, day, has_failed, job_count, cost_cents from (
        select d.user_id, d.project_id, d.day, d.has_failed, d.job_count, d.cost_cents
          from gjobs.job_days d where (d.has_failed or d.is_retry) and (select visible = 'all' from r)
        union all
        select d.user_id, d.project_id, d.day, d.has_failed, d.job_count, d.cost_cents
          from gjobs.job_days d
         where (d.has_failed or d.is_retry) and d.user_id = (select caller from r where visible = 'own')
        union all
        select c.user_id, c.project_id, c.day, c.status is not distinct from 'failed', c.job_count, c.cost_cents
          from gjobs.unfolded_changes c where c.status = 'failed' or c.is_retry
        union all
        select c.user_id, c.project_id, c.day, c.status is not distinct from 'failed', c.job_count, c.cost_cents
          from gjobs.count_visible('days', (select visible = 'some' from r)) c where c.status = 'failed' or c.is_retry
    ) sums;

-- What the app's function of this name returns, from the rollups: jobs and costs by status, of the caller or, if the caller bypasses row
-- level security, of any user.
create function gjobs.get_job_statistics(p_user_id uuid default null)
    returns table (status text, count bigint, total_cost_cents bigint, avg_cost_cents numeric)
    language plpgsql stable security invoker as $$
begin
    if p_user_id is distinct from auth.uid() and p_user_id is not null and row_security_active('public.generation_jobs') then
        raise insufficient_privilege using message = 'the statistics of another user are not yours to read';
    end if;
    return query
        select c.status, sum(c.job_count)::bigint, sum(c.cost_cents)::bigint, sum(c.cost_cents) / sum(c.job_count)
          from gjobs.job_counts c where c.user_id = coalesce(p_user_id, (select auth.uid()))
         group by c.status having sum(c.job_count) <> 0 order by c.status;
end $$;
