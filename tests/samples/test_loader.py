"""The loader gives the same batches whoever makes them, from any step on."""

import os
import signal

import numpy as np
import pytest
import torch

from playhead.errors import DamagedError
from playhead.samples.loader import batch_count, batches


class Numbered:
    """Samples that say their own epoch and number, with noise by the same two."""

    def __init__(self, length, broken=None):
        self.length, self.broken = length, broken

    def __len__(self):
        return self.length

    def sample(self, epoch, index):
        if index == self.broken:
            raise DamagedError(f"match.mp4: frame {index} cannot be decoded")
        noise = np.random.default_rng([7, epoch, index]).integers(0, 255, (3, 4, 5), np.uint8)
        return {"frames": noise, "target": np.array([epoch, index], np.float32)}


def load(samples, **settings):
    return list(batches(samples, **({"batch_size": 4, "seed": 1, "epoch": 2} | settings)))


def test_batch_b_holds_the_samples_from_b_times_the_size():
    loaded = load(Numbered(10))
    assert [batch["target"][:, 1].tolist() for batch in loaded] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    assert all((batch["target"][:, 0] == 2).all() for batch in loaded)
    assert loaded[0]["frames"].dtype == torch.uint8
    assert loaded[0]["frames"].shape == (4, 3, 4, 5)
    assert batch_count(Numbered(10), 4) == 3
    assert batch_count(Numbered(8), 4) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_batches(workers):
    alone, shared = load(Numbered(30)), load(Numbered(30), workers=workers)
    assert len(alone) == len(shared) == 8
    for one, other in zip(alone, shared, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_can_be_entered_at_any_step(workers):
    whole = load(Numbered(30))
    for start in (0, 3, 7, 8):
        rest = load(Numbered(30), start_step=start, workers=workers)
        assert len(rest) == 8 - start
        for one, other in zip(whole[start:], rest, strict=True):
            assert torch.equal(one["frames"], other["frames"])


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_does_not_draw_from_torchs_generator(workers):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load(Numbered(12), workers=workers)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_worker_arrives_as_it_was_raised(workers):
    stream = batches(Numbered(20, broken=9), batch_size=4, seed=1, epoch=1, workers=workers)
    assert len([next(stream), next(stream)]) == 2
    with pytest.raises(DamagedError) as caught:
        next(stream)
    assert str(caught.value) == "match.mp4: frame 9 cannot be decoded"


def test_ctrl_c_does_not_end_a_worker_before_its_parent_decides():
    class Interrupted(Numbered):
        def sample(self, epoch, index):
            os.kill(os.getpid(), signal.SIGINT)
            return super().sample(epoch, index)

    loaded = load(Interrupted(8), workers=1)
    assert [batch["target"][0, 1].item() for batch in loaded] == [0, 4]


def test_workers_use_one_thread_of_torch():
    class Threads(Numbered):
        def sample(self, epoch, index):
            return {"threads": np.array(torch.get_num_threads())}

    torch.set_num_threads(2)
    try:
        loaded = load(Threads(4), workers=1)
    finally:
        torch.set_num_threads(1)
    assert loaded[0]["threads"].tolist() == [1, 1, 1, 1]
