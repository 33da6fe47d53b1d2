-- Refuses to remove what is in use, or what would be lost.
do $$
declare
    held     bigint;
    archived bigint;
    present  text;
    exported constant text := nullif(current_setting('gjobs.exported_archive', true), '');
begin
    if to_regnamespace('gjobs_0013') is not null then
        raise object_not_in_prerequisite_state using
            message = 'The data of an earlier build is not carried over yet.', hint = 'Finish that first: ''gjobs migrate up''.';
    end if;
    if to_regclass('gjobs.job_leases') is not null then
        select count(*) into held
          from gjobs.job_leases l join public.generation_jobs j on j.id = l.job_id
         where l.owner is not null and l.expires_at > now() and j.status = 'running';
    end if;
    if held > 0 then
        raise object_not_in_prerequisite_state using
            message = format('Workers hold %s running %s.', held, case held when 1 then 'job' else 'jobs' end),
            hint = 'Stop the workers first: ''gjobs workers'' lists them.';
    end if;
    if to_regclass('gjobs.archived_jobs') is null then
        return;
    end if;
    -- See migrations/exports.py.
    select count(*),
           concat(count(*), ' ',
                  sum(hashtextextended(id::text, (extract(epoch from archived_at) * 1000000)::bigint)::numeric))
      into archived, present from gjobs.archived_jobs;
    if archived > 0 and exported is null then
        raise object_not_in_prerequisite_state using
            message = format('The archive holds %s %s.', archived, case archived when 1 then 'job' else 'jobs' end),
            hint = 'Restore them first: ''gjobs archive restore --all''. '
                   'Or write them to a file: ''gjobs migrate remove --export-archive FILE''. '
                   'Those of a deleted user or project can''t be restored.';
    elsif archived > 0 and exported <> present then
        raise object_not_in_prerequisite_state using
            message = 'The archive has changed since it was exported.',
            hint = 'Run the command again with a new file.';
    end if;
end $$
