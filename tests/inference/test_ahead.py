import threading
from collections.abc import Iterator

import pytest

from playhead.errors import MediaError
from playhead.inference.ahead import read_ahead


def test_items_come_in_order_and_all() -> None:
    assert list(read_ahead(iter(range(50)), 3)) == list(range(50))
    assert list(read_ahead(iter(()), 3)) == []


def test_items_are_prepared_in_a_thread_and_no_further_ahead_than_the_depth() -> None:
    prepared: list[int] = []
    threads = set()

    def items() -> Iterator[int]:
        for k in range(20):
            threads.add(threading.get_ident())
            prepared.append(k)
            yield k

    for k in read_ahead(items(), 4):
        assert len(prepared) <= k + 1 + 4
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise MediaError("the file ends here")

    taken = []
    with pytest.raises(MediaError, match="ends here"):
        for item in read_ahead(items(), 8):
            taken.append(item)  # noqa: PERF402
    assert taken == [1, 2]


def test_the_thread_ends_if_the_caller_stops_early() -> None:
    before = threading.active_count()
    ahead = read_ahead(iter(range(1000)), 8)
    assert next(ahead) == 0
    assert threading.active_count() == before + 1
    ahead.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
