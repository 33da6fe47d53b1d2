"""Workers claim queued jobs and run each with the handler of its mode, under a lease."""

from gjobs.store.worker.handlers import Backoff, Registry, Retry, Work
from gjobs.store.worker.worker import Worker

__all__ = ["Backoff", "Registry", "Retry", "Work", "Worker"]
