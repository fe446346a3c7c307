"""Parameter groups, optimiser and learning rate schedule.

A module whose parameters are all frozen stays in evaluation mode, so its batch norms keep their
statistics and its dropout and drop path are off.
"""

import math
from typing import Any

import torch
from torch import nn

from playhead.errors import ConfigError
from playhead.learning.settings import TrainingConfig

__all__ = ["build_optimiser", "param_groups", "rate_at", "training_mode"]


def param_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in two groups: with weight decay, and without (norms, biases).

    Parameters of at most one dimension are biases, scales of norms or single learnt numbers.
    """
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trainable if parameter.ndim > 1]
    plain = [parameter for parameter in trainable if parameter.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser of the trainable parameters. Raises ConfigError if there are none."""
    groups = param_groups(model, config.weight_decay)
    if not groups:
        raise ConfigError("every parameter of the model is frozen: leave some to be trained")
    match config.optimiser:
        case "adamw":
            return torch.optim.AdamW(groups, lr=config.rate, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=config.rate, momentum=0.9, nesterov=True, fused=True)


def rate_at(step: int, steps_per_epoch: int, config: TrainingConfig) -> float:
    """The learning rate of step `step` (from 0 over the whole run).

    It rises linearly from a share `warmup_start` of `rate` to `rate`, reached at the last step of
    the warm-up, then falls by the schedule: along half a cosine to `final_rate`, reached at the
    last step, or by a factor after each of `step_epochs`, as torch's MultiStepLR does.
    """
    total = config.epochs * steps_per_epoch
    warmup = round(config.warmup_epochs * steps_per_epoch)
    rate, final = config.rate * config.batch_scale, config.final_rate * config.batch_scale
    if step < warmup:
        risen = rate * (step + 1) / warmup
        return risen + config.warmup_start * (rate - risen)
    match config.schedule:
        case "cosine":
            progress = (step + 1 - warmup) / (total - warmup)
            return final + (rate - final) * 0.5 * (1 + math.cos(math.pi * progress))
        case "steps":
            passed = sum(step >= round(epoch * steps_per_epoch) for epoch in config.step_epochs)
            return rate * config.step_factor**passed


def training_mode(model: nn.Module) -> None:
    """Put `model` into training mode, except modules whose parameters are all frozen."""
    model.train()
    for module in model.modules():
        flags = [parameter.requires_grad for parameter in module.parameters()]
        if flags and not any(flags):
            module.eval()
