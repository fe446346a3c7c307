"""Exponential moving average (EMA) of the weights, which is validated, kept and exported.

The average is a second model, so that validation needs no swapping of weights, which an interrupt
could leave half done.
"""

import copy

import torch
from torch import Tensor, nn

__all__ = ["AveragedModel", "decay_at"]


def decay_at(step: int, decay: float) -> float:
    """The decay of update `step` (from 0): it grows to `decay`, so that early weights fade fast.

    With a constant 0.999, a third of the random start would remain after 1,000 steps.
    """
    return min(decay, (1 + step) / (10 + step))


class AveragedModel:
    """The moving average of a model's parameters and floating-point buffers."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        # Not the state dict: tied weights are in it twice, and would be updated twice.
        pairs = list(zip(_tensors(self.model), _tensors(model), strict=True))
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._others = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights of update `step` (from 0).

        Interpolation leaves equal values unchanged, so frozen weights do not drift.
        """
        averages, weights = zip(*self._floats, strict=True)
        torch._foreach_lerp_(averages, weights, 1.0 - decay_at(step, self.decay))
        for average, value in self._others:
            average.copy_(value)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
