-- Archived jobs would be lost.
do $$
declare
    held constant bigint := (select count(*) from gjobs.archived_jobs);
begin
    if held > 0 then
        raise object_not_in_prerequisite_state using
            message = format('The archive holds %s jobs.', held),
            hint = 'Restore them first: ''gjobs archive restore --all''.';
    end if;
end $$
