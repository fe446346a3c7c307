"""What tests share: one torch thread, private cache folders, markers that fail under CI."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# An example may take long on a busy machine; that says nothing about the code.
settings.register_profile("playhead", deadline=None, max_examples=60)
settings.load_profile("playhead")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """A shell that runs tests in the background has them ignore Ctrl-C, which some of them send."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Frame tables and frame caches of the tests never meet the user's own."""
    os.environ["PLAYHEAD_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def skip_or_fail(reason: str) -> None:
    """Skip on a developer's machine; under CI what is missing is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, from PLAYHEAD_DATA alone."""
    folder = os.environ.get("PLAYHEAD_DATA")
    if not folder:
        skip_or_fail("PLAYHEAD_DATA does not name the folder of real data sets")
    return Path(str(folder))


@pytest.fixture
def packaged_weights() -> Callable[[str], Path]:
    """Where `playhead weights get NAME` put a file; what needs one is marked `weights`."""
    from playhead.errors import WeightsError
    from playhead.inference.weights import weight_path

    def find(name: str) -> Path:
        try:
            return weight_path(name)
        except WeightsError as error:
            skip_or_fail(str(error))
            raise

    return find
