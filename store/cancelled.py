"""Whether it is this task that is to end, where an error may stand for that or for something else."""

import asyncio


def is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
