"""Reading ahead: a thread prepares the next items while the caller works on the last ones."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["read_ahead"]

T = TypeVar("T")


def read_ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Yield `items` in order, while a thread prepares up to `depth` of the next ones.

    Errors of `items` are raised here. The thread has ended when this iterator ends or is closed.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read_ahead") as thread:
        coming: deque[Future[T | object]] = deque()
        try:
            coming.extend(thread.submit(next, items, end) for _ in range(depth))
            while (item := coming.popleft().result()) is not end:
                coming.append(thread.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            for future in coming:
                future.cancel()
