"""What listeners and the triggers on the jobs agree on. Pure."""

CHANNEL = "gjobs_jobs"
"""The payload is a job's id, or empty where several changed. It is not read: row level security may hide the job."""
LISTENER_LOCK = (1735353442, 1)
"""Held shared by the session that listens. The triggers tell nothing while nobody holds it: telling costs a writer."""
QUEUE_CHANNEL = "gjobs_queue"
"""Where a statement that queued jobs tells so, without saying which."""
IDLE_LOCK = (1735353442, 4)
"""Held shared by the session that listens for a worker with nothing to do: while nobody holds it, no job is told of."""
LONGEST_SILENCE = 0.1
"""Seconds after a word in which the triggers tell nothing further: whoever heard it waits for longer before looking."""
TRIGGERS = ("gjobs_count_inserted", "gjobs_count_updated", "gjobs_count_deleted", "gjobs_count_truncated")
"""They tell of all that happens to jobs."""
