"""Write the videos of a world with several processes."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from playhead.progress import progress

__all__ = ["write_each"]


def write_each(
    write: Callable[[int], None], count: int, *, processes: int | None, task: str
) -> None:
    """Call `write` with 0 to count - 1, in any order; it must be picklable.

    processes: at most two by default; task: the text of the progress bar
    """
    workers = min(processes or min(2, os.cpu_count() or 1), count)
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
