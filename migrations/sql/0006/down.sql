-- Drops leases and links. Jobs stay; those that workers held stay running.
do $$
declare
    held bigint := (select count(*) from gjobs.job_leases l join public.generation_jobs j on j.id = l.job_id
                     where l.owner is not null and l.expires_at > now() and j.status = 'running');
begin
    if held > 0 then
        raise object_not_in_prerequisite_state using
            message = format('Workers hold %s running jobs.', held), hint = 'Stop the workers first: ''gjobs workers'' lists them.';
    end if;
end $$;

drop function gjobs.record_changed();
drop trigger gjobs_leases_dropped on public.generation_jobs;
drop trigger gjobs_leases_truncated on public.generation_jobs;
drop trigger gjobs_wake_workers on public.generation_jobs;
drop function gjobs.claim_jobs(uuid, text[], integer, double precision);
drop function gjobs.take_over_jobs(uuid, text[], integer, double precision);
drop function gjobs.choose_queued(text[], integer);
drop function gjobs.queued_of_modes(text[], integer);
drop function gjobs.lock_queued(integer);
drop function gjobs.finish_jobs(uuid, uuid[], integer[], text[], text[], integer[]);
drop function gjobs.postpone_jobs(uuid, uuid[], integer[], text[], integer[], double precision[]);
drop function gjobs.hand_back_jobs(uuid, uuid[], integer[]);
drop function gjobs.renew_leases(uuid, uuid[], integer[], double precision);
drop function gjobs.note_progress(uuid, uuid[], integer[], text[]);
drop table gjobs.job_leases, gjobs.job_links, gjobs.workers;
drop function gjobs.record_leases();
drop function gjobs.drop_leases();
drop function gjobs.wake_workers();
