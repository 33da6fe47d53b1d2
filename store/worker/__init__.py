"""Workers: handlers by mode, run on the jobs that are queued, each job under a lease."""

from store.worker.handlers import Backoff, Registry, Retry, Work
from store.worker.worker import Worker

__all__ = ["Backoff", "Registry", "Retry", "Work", "Worker"]
