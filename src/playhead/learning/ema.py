"""The average of the weights over training: what is validated, kept and exported.

The average is a second model, so that validation needs no swapping of weights and an interruption
can never leave the wrong ones in place.
"""

import copy

import torch
from torch import nn

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
        averaged, current = self.model.state_dict(), model.state_dict()
        floating = [name for name, tensor in current.items() if tensor.is_floating_point()]
        self._floats = [averaged[name] for name in floating], [current[name] for name in floating]
        others = [name for name in current if name not in set(floating)]
        self._others = [(averaged[name], current[name]) for name in others]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the weights of update `step` (from 0).

        By interpolation, of which equal values come out unchanged: frozen weights do not drift.
        """
        mine, theirs = self._floats
        weight = 1.0 - decay_at(step, self.decay)
        torch._foreach_lerp_(mine, theirs, weight)
        for average, value in self._others:
            average.copy_(value)
