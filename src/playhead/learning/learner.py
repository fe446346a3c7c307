"""The trainable state: weights, their average, the optimiser's state, the fp16 gradient scaler.

A step is `gradients`, then `apply`; `tensors` and `restore` are for checkpoints.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from playhead.errors import ConfigError
from playhead.learning.compiling import compiled
from playhead.learning.device import torch_precision
from playhead.learning.ema import AveragedModel
from playhead.learning.layout import channels_last
from playhead.learning.optim import build_optimiser
from playhead.learning.settings import TrainingConfig

__all__ = ["Batch", "Learner", "Loss", "batch_samples"]

Batch = dict[str, Tensor]
Loss = Callable[[nn.Module, Batch], Tensor]


class Learner:
    """A model with its average, optimiser and gradient scaler.

    The loss calls `network`: the model, compiled if `training.compile` is set.
    """

    def __init__(self, model: nn.Module, config: TrainingConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.model = model.to(device)
        if config.channels_last:
            channels_last(self.model)
        self.average = AveragedModel(self.model, config.ema) if config.ema is not None else None
        self.optimiser = build_optimiser(self.model, config)
        self.precision = torch_precision(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.trainable = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.network = (
            compiled(self.model, device, "training.compile") if config.compile else self.model
        )

    @property
    def kept_model(self) -> nn.Module:
        """The model that is validated and kept: the average if there is one."""
        return self.model if self.average is None else self.average.model

    def gradients(self, group: list[Batch], loss: Loss) -> tuple[float, float]:
        """Compute the clipped gradient of the mean loss over a group of batches → (loss, norm)."""
        total = sum(map(batch_samples, group))
        self.optimiser.zero_grad(set_to_none=True)
        summed = torch.zeros((), device=self.device)
        for batch in group:
            with self._autocast():
                value = loss(self.network, batch)
            # A smaller last batch has less weight, so that every sample counts the same.
            share = value * (batch_samples(batch) / total)
            torch.autograd.backward(self.scaler.scale(share))
            summed += share.detach()
        self.scaler.unscale_(self.optimiser)
        largest = self.config.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.trainable.values(), largest)
        # One transfer for both numbers, since each synchronises with the GPU.
        value, gradient = torch.stack([summed.float(), norm.float()]).tolist()
        return value, gradient

    def apply(self, step: int, rate: float) -> None:
        """Update the weights and their average, as step `step` (from 0) of the run."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.update(step)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of the state, named `model/…`, `ema/…`, `optimiser/<parameter>/…`."""
        groups = {"model": self.model.state_dict()}
        if self.average is not None:
            groups["ema"] = self.average.model.state_dict()
        for name, parameter in self.trainable.items():
            state = self.optimiser.state.get(parameter, {})
            groups[f"optimiser/{name}"] = {k: v for k, v in state.items() if v is not None}
        return {f"{group}/{k}": v for group, state in groups.items() for k, v in state.items()}

    def restore(self, tensors: Mapping[str, Tensor], scaler: dict[str, Any]) -> None:
        """Load the state from `tensors`. Raises ConfigError if it is of another model."""
        _copy_into(self.model, "model/", tensors)
        if self.average is not None:
            _copy_into(self.average.model, "ema/", tensors)
        states = {f"optimiser/{name}": parameter for name, parameter in self.trainable.items()}
        for name, value in tensors.items():
            owner, _, key = name.rpartition("/")
            if owner in states:
                self.optimiser.state[states[owner]][key] = _like(states[owner], value)
        self.scaler.load_state_dict(scaler)

    def _autocast(self) -> torch.autocast:
        kind = torch.float16 if self.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.device.type, kind, enabled=self.precision != "fp32")


def batch_samples(batch: Batch) -> int:
    """The number of samples of a batch: the first axis of its tensors."""
    return len(next(iter(batch.values())))


@torch.no_grad()
def _copy_into(model: nn.Module, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    """Copy in place, to keep the memory layout of every tensor, which can affect the last bits."""
    own = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    saved = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    wrong = sorted(own.keys() ^ saved.keys())
    wrong += [name for name in own.keys() & saved.keys() if own[name].shape != saved[name].shape]
    if wrong:
        raise ConfigError(
            f"the checkpoint is of another model: {wrong[0].removeprefix(prefix)} "
            f"{'is' if len(wrong) == 1 else f'and {len(wrong) - 1} more are'} not the same; resume "
            "with the model that began the run"
        )
    for name, tensor in own.items():
        tensor.copy_(saved[name])


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, requires_grad=False).copy_(value)
