"""Batches for training, loaded by stateless worker processes.

Batch b of an epoch has the samples b*B ... b*B+B-1, and a sample depends only on (seed, epoch,
index): any number of workers gives the same batches, and an epoch can be resumed at any batch.
"""

import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from playhead.errors import PlayheadError

__all__ = ["Batch", "ChosenSamples", "Samples", "batch_count", "batches"]

Batch = dict[str, torch.Tensor]


class Samples(Protocol):
    """Training samples by index: pure, and safe to use in several processes."""

    def __len__(self) -> int:
        """The number of samples of an epoch."""

    def sample(self, epoch: int, index: int) -> dict[str, NDArray[Any]]:
        """One sample; arrays of the same name have the same shape and dtype in all samples."""


@runtime_checkable
class ChosenSamples(Samples, Protocol):
    """Samples that the model helps to choose at the start of each epoch, as hard negatives.

    `sample` depends on (seed, epoch, index) and on this choice. The training loop keeps the choice
    in its checkpoint, so that an epoch can be resumed.
    """

    def begin_epoch(self, model: nn.Module, epoch: int) -> Mapping[str, Tensor]:
        """Choose the samples of an epoch; returns the choice, for `resume_epoch`.

        model: in evaluation mode, called without gradients; the result depends only on its weights
        and on the epoch
        """

    def resume_epoch(self, epoch: int, choice: Mapping[str, Tensor]) -> None:
        """Take the choice that `begin_epoch` returned, perhaps in an earlier process."""


def batch_count(samples: Samples, batch_size: int) -> int:
    """The number of batches of an epoch, including a smaller last one."""
    return -(-len(samples) // batch_size)


def batches(
    samples: Samples,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    start_step: int = 0,
    workers: int = 0,
    prefetch: int = 2,
    pin: bool = False,
) -> Iterator[Batch]:
    """The batches of one epoch from `start_step` on, each a dict of tensors (B, ...).

    seed: of torch's generator in the workers, so that loading never uses the global one
    workers: worker processes; 0 loads in this process
    prefetch: batches that each worker keeps ready
    pin: put batches into page-locked memory, for a GPU
    The workers have been started when this returns. A PlayheadError in a worker is raised here
    unchanged.
    """
    stop = batch_count(samples, batch_size)
    dataset = _Batches(samples, batch_size, epoch)
    if workers == 0:
        loaded: Iterator[Batch | PlayheadError] = (
            dataset[step] for step in range(start_step, stop)
        )
    else:
        loader = DataLoader(
            dataset,
            batch_size=None,  # an item is a whole batch
            sampler=range(start_step, stop),
            num_workers=workers,
            collate_fn=_identity,
            prefetch_factor=prefetch,
            pin_memory=pin,
            worker_init_fn=_begin_worker,
            generator=torch.Generator().manual_seed(seed + epoch),
            multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
        )
        loaded = iter(loader)
    return _raising(loaded)


def _raising(loaded: Iterator[Batch | PlayheadError]) -> Iterator[Batch]:
    for batch in loaded:
        if isinstance(batch, PlayheadError):
            raise batch
        yield batch


class _Batches(Dataset[Batch | PlayheadError]):
    """The batches of an epoch by index."""

    def __init__(self, samples: Samples, batch_size: int, epoch: int) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.epoch = epoch

    def __getitem__(self, step: int) -> Batch | PlayheadError:
        """Batch `step`, or the error that it raised: torch would reword it."""
        first = step * self.batch_size
        last = min(first + self.batch_size, len(self.samples))
        try:
            parts = [self.samples.sample(self.epoch, index) for index in range(first, last)]
        except PlayheadError as error:
            return error
        return {
            name: torch.from_numpy(np.stack([part[name] for part in parts])) for name in parts[0]
        }


def _identity(batch: Any) -> Any:
    return batch


def _begin_worker(_worker: int) -> None:
    """Use one thread, and ignore Ctrl-C: the parent ends its workers."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
