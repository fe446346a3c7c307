"""The average of the weights over training: what is validated, kept and exported.

The average is a second model, so that validation needs no swapping of weights and an interruption
can never leave the wrong ones in place.
"""

import copy

import torch
from torch import Tensor, nn

__all__ = ["AveragedModel", "decay_at"]


def decay_at(step: int, decay: float) -> float:
    """The decay of update `step` (from 0): it grows to `decay`, so early weights soon fade.

    With a constant .999, a third of the random start would still be there after 1,000 steps.
    """
    return min(decay, (1 + step) / (10 + step))


class AveragedModel:
    """An exponential average of a model's parameters and of its floating buffers."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        # Not the state dict: it names tied weights twice, and each would move twice.
        pairs = list(zip(_tensors(self.model), _tensors(model), strict=True))
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._others = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights of update `step` (from 0).

        By interpolation, of which equal values come out unchanged: frozen weights do not drift.
        """
        mine, theirs = zip(*self._floats, strict=True)
        torch._foreach_lerp_(mine, theirs, 1.0 - decay_at(step, self.decay))
        for average, value in self._others:
            average.copy_(value)


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
