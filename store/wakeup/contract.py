"""What listeners and the triggers on the jobs agree on. Pure."""

CHANNEL = "gjobs_jobs"
"""The payload is a job's id, or empty where several changed. It is not read: row level security may hide the job."""
LISTENER_LOCK = (1735353442, 1)
"""Held shared by the session that listens. The triggers tell nothing while nobody holds it: telling costs a writer."""
TRIGGERS = ("gjobs_count_inserted", "gjobs_count_updated", "gjobs_count_deleted")
"""They tell of all that happens to jobs."""
