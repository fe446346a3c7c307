"""Write the videos of a world in several processes."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from playhead.progress import progress

__all__ = ["DEFAULT_PROCESSES", "write_each"]

DEFAULT_PROCESSES = min(2, os.cpu_count() or 1)


def write_each(
    write: Callable[[int], None], count: int, *, processes: int | None, task: str
) -> None:
    """Call `write` with each number from 0 to count - 1, in any order.

    write: picklable, since it may run in other processes
    processes: at most two by default; task: the label of the progress bar
    """
    workers = min(processes or DEFAULT_PROCESSES, count)
    with progress(task, total=count) as bar:
        for done, _ in enumerate(_results(write, count, workers), start=1):
            bar.advance(note=f"{done} of {count}")


def _results(write: Callable[[int], None], count: int, workers: int) -> Iterator[None]:
    if workers < 2:
        yield from map(write, range(count))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(write, number) for number in range(count)]
        try:
            for finished in as_completed(tasks):
                yield finished.result()
        finally:
            pool.shutdown(cancel_futures=True)
