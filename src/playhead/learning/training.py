"""The training loop that every job shares: plain torch, resumable bit for bit.

Torch's generator is seeded before every step from (seed, step), and samples depend only on (seed,
epoch, index): so the state is only weights, optimiser and position, and the choice of an epoch's
samples if the model takes part in it. Jobs provide a loss and a validation; the loop keeps the
average of the weights, the best weights, the log and checkpoints.
Epochs count from 1 everywhere: in the log, the files and the samples.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from playhead.errors import ConfigError, PlayheadError
from playhead.learning.checkpoint import (
    Best,
    Checkpoint,
    Position,
    Tally,
    conditions,
    prepare_folder,
    read_checkpoint,
    refuse_differences,
    write_checkpoint,
)
from playhead.learning.interrupt import CtrlC
from playhead.learning.learner import Batch, Learner, Loss, batch_samples
from playhead.learning.log import RunLog
from playhead.learning.memory import keep_freed_memory
from playhead.learning.optim import rate_at, training_mode
from playhead.learning.settings import TrainingConfig
from playhead.learning.state import load_weights, save_weights, write_tensors
from playhead.learning.tensorboard import require_tensorboard
from playhead.progress import Progress, progress
from playhead.samples.loader import ChosenSamples, Samples, batch_count, batches

__all__ = ["Batch", "FitResult", "Loss", "Samples", "Validate", "fit"]

Validate = Callable[[nn.Module, int], dict[str, float]]

# If the scaler halves its scale this often in a row, no scale works.
_MOST_SKIPS = 30


@dataclass(frozen=True)
class FitResult:
    """The result of a training run.

    metrics: of the best epoch, empty without a validation
    seconds: of training, over all processes of the run
    data_wait: the share of them spent waiting for samples
    """

    folder: Path
    best: Path
    best_epoch: int
    metrics: dict[str, float]
    steps: int
    seconds: float
    samples_per_second: float
    data_wait: float


def fit(
    model: nn.Module,
    samples: Samples,
    config: TrainingConfig,
    folder: Path,
    *,
    loss: Loss,
    validate: Validate | None = None,
    resume: bool = False,
    device: str | torch.device = "cpu",
    identity: Mapping[str, Any] | None = None,
    data: Mapping[str, Iterable[str]] | None = None,
    start: Mapping[str, Any] | None = None,
) -> FitResult:
    """Train `model` in place and leave it with its best weights, in evaluation mode.

    samples: those of each epoch may be chosen with the model at its start; see `ChosenSamples`
    loss(model, batch): the mean over the batch, which is on `device`
    validate(model, epoch): metrics of the averaged weights, called without gradients
    identity: further data that must be the same on resuming (the job's configuration)
    data: for each side (train, valid) a line per file and its labels, which must be the same too
    start: a row of the log about the initial weights of a new run
    Writes log.jsonl, checkpoint/, best.safetensors and epoch_N.safetensors into `folder`.

    Raises PlayheadError if `folder` has a run and `resume` is False, or the loss is not finite;
    ConfigError if a resumed run began with other settings or data; StorageError if writing fails,
    which keeps the last checkpoint. On Ctrl-C a checkpoint is written before KeyboardInterrupt is
    raised.
    """
    device = torch.device(device)
    if config.tensorboard:
        require_tensorboard("training.tensorboard")
    prepare_folder(folder, resume=resume)
    if device.type == "cpu":
        keep_freed_memory()
    with _torch_settings(config, device), CtrlC() as ctrl_c:
        learner = Learner(model, config, device)
        run = _Run(learner, samples, folder, loss=loss, validate=validate, ctrl_c=ctrl_c)
        with closing(run.log):
            run.begin(conditions(config, len(samples), identity, data), start)
            try:
                run.train()
            except KeyboardInterrupt:
                run.stop_early()
                raise
        return run.result()


class _Run:
    """A run in memory; between two steps, position and learner are its complete state."""

    def __init__(
        self,
        learner: Learner,
        samples: Samples,
        folder: Path,
        *,
        loss: Loss,
        validate: Validate | None,
        ctrl_c: CtrlC,
    ) -> None:
        self.learner, self.samples, self.folder, self.ctrl_c = learner, samples, folder, ctrl_c
        self.loss, self.validate, self.config = loss, validate, learner.config
        self.steps_per_epoch = _steps_per_epoch(samples, self.config)
        self.position = Position()
        self.best: dict[str, Tensor] = {}
        self.choice: dict[str, Tensor] = {}
        self.conditions: dict[str, Any] = {}
        self.log = RunLog(folder, tensorboard=self.config.tensorboard)
        self.best_path = folder / "best.safetensors"

    @property
    def finished(self) -> bool:
        return self.position.epoch > self.config.epochs

    @property
    def steps_done(self) -> int:
        return (self.position.epoch - 1) * self.steps_per_epoch + self.position.step

    @property
    def steps(self) -> int:
        return self.config.epochs * self.steps_per_epoch

    def begin(self, conditions: dict[str, Any], start: Mapping[str, Any] | None) -> None:
        """Load the checkpoint of the folder, or write the first one."""
        self.conditions = conditions
        checkpoint = read_checkpoint(self.folder)
        if checkpoint is None:
            self.save()  # before the log, since a log without a checkpoint cannot be resumed
            self.log.begin(0)
            if start is not None:
                self.position.log_bytes = self.log.append({"kind": "start", **start})
                self.save()
        else:
            refuse_differences(self.folder, checkpoint.conditions, conditions)
            self.learner.restore(checkpoint.tensors, checkpoint.scaler)
            self.best, self.choice = checkpoint.group("best"), checkpoint.group("choice")
            self.position = checkpoint.position
            self.log.begin(self.position.log_bytes)
            if self.best and not (self.finished and self.best_path.exists()):
                write_tensors(self.best_path, self.best)
            self.note_saved()
        self.begun = time.monotonic(), self.steps_done

    def train(self) -> None:
        """Train from the position to the end of the last epoch."""
        while not self.finished:
            if self.position.step < self.steps_per_epoch:
                self.choose_samples()
                self.train_epoch()
            self.end_epoch()

    def choose_samples(self) -> None:
        """Let the samples of this epoch be chosen, or take the choice of the checkpoint."""
        samples, epoch = self.samples, self.position.epoch
        if not isinstance(samples, ChosenSamples):
            return
        if self.position.step > 0:
            samples.resume_epoch(epoch, self.choice)
            return
        # A run that was stopped before the first step chooses again: the weights are the same.
        _seed(self.config.seed, self.steps_done, self.learner.device)
        with torch.no_grad():
            self.choice = dict(samples.begin_epoch(self.learner.kept_model.eval(), epoch))

    def train_epoch(self) -> None:
        """Do the remaining steps of this epoch."""
        position, config = self.position, self.config
        training_mode(self.learner.model)
        with self.ctrl_c.postponed():
            stream = batches(
                self.samples,
                batch_size=config.batch_size,
                seed=config.seed,
                epoch=position.epoch,
                start_step=position.step * config.accumulate,
                workers=config.workers,
                pin=self.learner.device.type == "cuda",
            )
        task = f"epoch {position.epoch}/{config.epochs}"
        with progress(task, total=self.steps_per_epoch) as bar:
            bar.advance(position.step)
            while position.step < self.steps_per_epoch:
                started = time.perf_counter()
                group = [self.on_device(batch) for batch in islice(stream, config.accumulate)]
                waited = time.perf_counter() - started
                with self.ctrl_c.held():
                    self.step(group, started, waited)
                self.show(bar)
                if time.monotonic() - self.saved_at >= config.checkpoint_seconds:
                    self.save()

    def on_device(self, batch: Batch) -> Batch:
        return {
            name: value.to(self.learner.device, non_blocking=True) for name, value in batch.items()
        }

    def step(self, group: list[Batch], started: float, waited: float) -> None:
        """Update the weights with a group of batches, and log it."""
        number, position = self.steps_done, self.position
        if not group:
            raise PlayheadError(
                f"epoch {position.epoch} ran out of samples after step {position.step} of "
                f"{self.steps_per_epoch}: len(samples) must be their number in every epoch"
            )
        _seed(self.config.seed, number, self.learner.device)
        rate = rate_at(number, self.steps_per_epoch, self.config)
        loss, gradient = self.learner.gradients(group, self.loss)
        self.refuse_non_finite(loss, gradient, rate)
        self.learner.apply(number, rate)
        position.step += 1
        samples, seconds = sum(map(batch_samples, group)), time.perf_counter() - started
        for tally in (position.interval, position.whole_epoch, position.whole_run):
            tally.add(loss, samples, seconds, waited)
        if position.step % self.config.log_steps == 0:
            self.write_log("step", position.interval, rate=rate, gradient=gradient)
            position.interval = Tally()

    def refuse_non_finite(self, loss: float, gradient: float, rate: float) -> None:
        """Raise PlayheadError if not finite, except for fp16 overflows, which the scaler skips."""
        if math.isfinite(loss) and math.isfinite(gradient):
            self.position.skipped = 0
            return
        self.position.skipped += 1
        scaled = self.learner.scaler.is_enabled() and math.isfinite(loss)
        if scaled and self.position.skipped < _MOST_SKIPS:
            return
        what = f"norm of the gradient is {gradient}" if math.isfinite(loss) else f"loss is {loss}"
        raise PlayheadError(
            f"the {what} at epoch {self.position.epoch}, step {self.position.step + 1}, with a "
            f"learning rate of {rate:.3g}: lower training.rate, set training.clip_norm, train in "
            "fp32 or bf16, or look for samples that are not finite"
        )

    def end_epoch(self) -> None:
        """Validate, keep the weights if they are the best, and write the checkpoint."""
        position, kept = self.position, self.learner.kept_model
        started = time.perf_counter()
        metrics = self.measure()
        seconds = round(time.perf_counter() - started, 3)
        with self.ctrl_c.held():
            best = self.is_best(metrics)
            if best:
                position.best = Best(position.epoch, metrics or {})
                self.best = {k: v.detach().cpu().clone() for k, v in kept.state_dict().items()}
                write_tensors(self.best_path, self.best)
            if position.epoch in self.config.keep_epochs:
                save_weights(kept, self.folder / f"epoch_{position.epoch}.safetensors")
            rate = rate_at(self.steps_done - 1, self.steps_per_epoch, self.config)
            more = {"rate": rate, "validation_seconds": seconds, "best": best}
            self.write_log("epoch", position.whole_epoch, **more, metrics=metrics or {})
            position.epoch, position.step = position.epoch + 1, 0
            position.interval, position.whole_epoch = Tally(), Tally()
            self.choice = {}
            # After a crash before this line, resuming writes the files above again.
            self.save()

    def measure(self) -> dict[str, float] | None:
        """The metrics of this epoch, or None if it is not validated."""
        epoch, select = self.position.epoch, self.config.select
        due = epoch % self.config.validate_every == 0 or epoch == self.config.epochs
        if self.validate is None or not due:
            return None
        model = self.learner.kept_model.eval()
        _seed(self.config.seed, self.steps_done, self.learner.device)
        with torch.no_grad():
            metrics = {name: float(value) for name, value in self.validate(model, epoch).items()}
        if select is not None and select not in metrics:
            raise ConfigError(
                f"training.select is {select}, which the validation does not return; choose one "
                f"of {', '.join(sorted(metrics)) or 'none at all'}"
            )
        return metrics

    def is_best(self, metrics: dict[str, float] | None) -> bool:
        """Whether this epoch is the best: ties keep the earlier, no metric takes the last."""
        select, old = self.config.select, self.position.best.metrics
        if self.validate is None or select is None:
            return True
        if metrics is None:
            return False
        if select not in old or math.isnan(old[select]):
            return True
        new = metrics[select]
        return new > old[select] if self.config.direction == "max" else new < old[select]

    def write_log(self, kind: str, tally: Tally, **more: Any) -> None:
        position = self.position
        row = {"kind": kind, "epoch": position.epoch, "step": self.steps_done}
        row |= tally.figures() | {"seconds": round(position.whole_run.seconds, 3)} | more
        position.log_bytes = self.log.append(row)

    def show(self, bar: Progress) -> None:
        """Advance the bar, with the loss, the rate and the remaining time of the run."""
        since, first = self.begun
        pace = (time.monotonic() - since) / (self.steps_done - first)
        left = int(pace * (self.steps - self.steps_done))
        loss = self.position.whole_epoch.figures()["loss"]
        rate = self.learner.optimiser.param_groups[0]["lr"]
        clock = f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02}"
        bar.advance(1, f"loss {loss:.4f}  rate {rate:.2e}  {clock} left in all")

    def save(self) -> None:
        """Write a checkpoint."""
        tensors = self.learner.tensors()
        for group, values in (("best", self.best), ("choice", self.choice)):
            tensors |= {f"{group}/{name}": value for name, value in values.items()}
        scaler = self.learner.scaler.state_dict()
        write_checkpoint(self.folder, Checkpoint(self.position, tensors, self.conditions, scaler))
        self.note_saved()

    def note_saved(self) -> None:
        self.saved_at = time.monotonic()
        self.saved = self.position.epoch, self.position.step

    def stop_early(self) -> None:
        """After Ctrl-C: save if the state is complete, and print where the run can be resumed."""
        if self.ctrl_c.whole:
            self.save()
        epoch, step = self.saved
        print(
            f"playhead: interrupted: --resume goes on at epoch {epoch}, after step {step} of "
            f"{self.steps_per_epoch} ({self.folder})",
            file=sys.stderr,
        )

    def result(self) -> FitResult:
        """The result of the finished run; loads the best weights into the model."""
        load_weights(self.learner.model, self.best_path)
        self.learner.model.eval()
        figures = self.position.whole_run.figures()
        return FitResult(
            folder=self.folder,
            best=self.best_path,
            best_epoch=self.position.best.epoch,
            metrics=self.position.best.metrics,
            steps=self.steps,
            seconds=self.position.whole_run.seconds,
            samples_per_second=figures["samples_per_second"],
            data_wait=figures["data_wait"],
        )


def _steps_per_epoch(samples: Samples, config: TrainingConfig) -> int:
    if not len(samples):
        raise PlayheadError("there are no samples to train on: an epoch needs at least one")
    return math.ceil(batch_count(samples, config.batch_size) / config.accumulate)


def _seed(seed: int, step: int, device: torch.device) -> None:
    """Seed torch's generators for one step; neighbouring steps share nothing."""
    value = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0]) >> 1
    # Not torch.manual_seed: with an unused CUDA device it formats a traceback every time.
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.manual_seed_all(value)


@contextmanager
def _torch_settings(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Set threads and determinism of torch for the run, and restore them afterwards."""
    if config.precision == "fp16" and device.type != "cuda":
        raise ConfigError("training.precision is fp16, which needs CUDA: use bf16 or fp32 here")
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn: Any = torch.backends.cudnn
    memory: Any = torch.utils.deterministic
    tuned, fill = cudnn.benchmark, memory.fill_uninitialized_memory
    torch.set_num_threads(config.threads or threads)
    # Free on a CPU; on CUDA it is slow or unsupported, and only a CPU run is bit-exact.
    torch.use_deterministic_algorithms(strict or device.type == "cpu", warn_only=True)
    cudnn.benchmark = device.type == "cuda"
    # Filling new tensors is not needed: nothing here reads one before writing it.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn)
        cudnn.benchmark, memory.fill_uninitialized_memory = tuned, fill
