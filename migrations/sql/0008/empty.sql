-- Archived jobs would be lost, unless all of them were exported, see migrations/archive_export.py.
do $$
declare
    held     bigint;
    present  text;
    exported constant text := nullif(current_setting('gjobs.exported_archive', true), '');
begin
    select count(*),
           concat(count(*), ' ',
                  sum(hashtextextended(id::text, (extract(epoch from archived_at) * 1000000)::bigint)::numeric))
      into held, present from gjobs.archived_jobs;
    if held > 0 and exported is null then
        raise object_not_in_prerequisite_state using
            message = format('The archive holds %s %s.', held, case held when 1 then 'job' else 'jobs' end),
            hint = 'Restore them first: ''gjobs archive restore --all''. '
                   'Or write them to a file: ''gjobs migrate down REVISION --export-archive FILE''.';
    elsif held > 0 and exported <> present then
        raise object_not_in_prerequisite_state using
            message = 'The archive has changed since it was exported.',
            hint = 'Run the command again with a new file.';
    end if;
end $$
