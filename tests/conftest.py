"""What all tests share: one thread a process, a private cache folder, real data and weights.

Tests run in one process a core, so a test uses one thread. Nothing here imports torch.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Read when torch, NumPy and OpenCV are first imported, by this process and those it starts.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# An example may take long on a busy machine, which says nothing about the code.
settings.register_profile("playhead", deadline=None, max_examples=60)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.load_profile("playhead")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """Some tests send Ctrl-C, which a shell makes background processes ignore."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def the_same_precision_on_every_processor() -> None:
    """`auto` is fp32, also where the processor has bf16, so that results can be stated exactly."""
    from playhead.inference import precision

    precision.flags_have_bf16 = lambda cpuinfo: False
    precision.native_bf16.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def one_process_for_a_world() -> None:
    """Draw worlds in the process of the test: another process costs more than it saves."""
    from playhead.worlds import processes

    processes.DEFAULT_PROCESSES = 1


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the caches of the tests apart from those of the user."""
    os.environ["PLAYHEAD_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def skip_or_fail(reason: str) -> None:
    """Skip a test whose data is missing; under CI this is a failure."""
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
    """The path of a file of `playhead weights get`; tests that need one are marked `weights`."""
    from playhead.errors import WeightsError
    from playhead.inference.weights import weight_path

    def find(name: str) -> Path:
        try:
            return weight_path(name)
        except WeightsError as error:
            skip_or_fail(str(error))
            raise

    return find
