"""Training of one network of recognition: from a configuration to a run folder with a bundle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playhead.errors import LabelError, MediaError
from playhead.inference.bundle import WEIGHTS, note_in_bundle
from playhead.learning.log import keep_curves
from playhead.learning.run import Rebuilt, TrainingRun, TrainResult
from playhead.learning.run import export_run as export_run_of
from playhead.learning.state import load_weights
from playhead.metrics.classification import classify
from playhead.output import counted
from playhead.progress import progress
from playhead.recognition.answers import ANSWERS, Answers, calibrate, write_answers
from playhead.recognition.clips import Clip
from playhead.recognition.config import RecognitionConfig, load_recognition_config
from playhead.recognition.data import LoadedClip, load_clip, load_clips
from playhead.recognition.model import build_network, without_start
from playhead.recognition.networks_config import (
    ClipNetworkConfig,
    KeypointNetworkConfig,
)
from playhead.recognition.plan import KeypointClipPlan, PixelClipPlan
from playhead.recognition.pose.extract import EXTRACTION
from playhead.recognition.samples import ClipSamples, build_samples
from playhead.samples.loader import batches

__all__ = ["export_run", "train_recognition"]

VALIDATION_BATCH = 32


def train_recognition(
    config: RecognitionConfig,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    export: bool = True,
) -> TrainResult:
    """Train, export the best weights, and answer the validation clips with them.

    export: False writes no bundle, which for a small network takes longer than its training; for
        cross-validation, where only the answers count
    Raises PlayheadError before training if clips, keypoints or weights cannot be used.
    """
    run = TrainingRun(folder, config, resume=resume, device=device)
    config = run.config
    data = load_clips(config.data)
    train_clips, valid_clips = data.split(config.data)
    notes: list[str] = []
    train = _load(train_clips, data.classes, config, notes)
    valid = _load(valid_clips, data.classes, config, notes)
    for note in (*notes, *_notes_on_people([*train, *valid], config)):
        run.say(note)
    plan = make_plan(config, train)
    samples = build_samples(train, config, plan, training=True)
    checks = build_samples(valid, config, plan, training=False)
    # A resumed run has its own weights.
    start = without_start(config.network) if run.begun else config.network
    network = build_network(start, len(data.classes), plan)
    started = None
    if config.start is not None and not run.begun:
        path = start_weights(config.start.run)
        loaded = load_weights(network, path)
        started = loaded.to_json(path)
        run.say(loaded.describe(path))
        keep_curves(path.parent, folder)
    weights = _class_weights(samples, config, len(data.classes)).to(run.device)

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        logits: Tensor = model(_inputs(batch))
        return F.cross_entropy(
            logits.float(),
            batch["target"],
            weight=weights,
            label_smoothing=config.label_smoothing,
        )

    def validate(model: nn.Module, epoch: int) -> dict[str, float]:
        answers = _answers(model, checks, valid, data.classes, run.device)
        result = classify(answers.targets, answers.probabilities, data.classes)
        entropy = -answers.log_probabilities[np.arange(len(valid)), answers.targets].mean()
        return {
            "macro_f1": result.macro_f1,
            "top1": result.top1,
            "top5": result.top5,
            "cross_entropy": float(entropy),
        }

    fitted = run.fit(
        network,
        samples,
        loss=loss,
        validate=validate if valid else None,
        data={"train": data.lines(train_clips), "valid": data.lines(valid_clips)},
        start=started,
    )
    if export:
        run.export(network, plan, data.classes, fitted)
    metrics = fitted.metrics
    summary = "none: trained on all clips"
    if valid:
        with torch.inference_mode():
            answers = _answers(network, checks, valid, data.classes, run.device)
        write_answers(answers, folder / ANSWERS)
        if export:
            note_in_bundle(run.bundle, post_processing=calibrate(answers))
        summary = f"macro F1 {metrics['macro_f1']:.3f}, top-1 {metrics['top1']:.3f}"
    return TrainResult(
        job=config.job,
        run=run.folder,
        bundle=run.bundle,
        report=None,
        metrics=metrics,
        fitted=fitted,
        summary=summary,
        details={
            "classes": list(data.classes),
            "clips": {"train": len(train_clips), "valid": len(valid_clips)},
        },
    )


def make_plan(
    config: RecognitionConfig, clips: Sequence[LoadedClip]
) -> KeypointClipPlan | PixelClipPlan:
    """The input plan of a network that learns from these clips.

    Raises LabelError if their keypoints have several skeletons.
    """
    network = config.network
    seconds = float(np.median([clip.span[1] - clip.span[0] for clip in clips]))
    files = [clip.keypoints for clip in clips if clip.keypoints is not None]
    estimator = dict(files[0].settings.get(EXTRACTION) or {}) if files else {}
    if isinstance(network, KeypointNetworkConfig):
        first = files[0]
        for clip, file in zip(clips, files, strict=True):
            if (file.skeleton, file.coordinates) != (first.skeleton, first.coordinates):
                raise LabelError(
                    f"{clip.clip.name}: its keypoints are {file.skeleton.name} in "
                    f"{file.coordinates} dimensions, those of {clips[0].clip.name} "
                    f"{first.skeleton.name} in {first.coordinates}; all need to be alike"
                )
        return KeypointClipPlan(
            seconds=seconds,
            people=config.data.people,
            skeleton=first.skeleton,
            coordinates=2 if first.coordinates == 2 else 3,
            length=network.length,
            estimator=estimator,
        )
    return PixelClipPlan(
        seconds=seconds,
        people=config.data.people,
        estimator=estimator,
        size=network.size,
        frames=network.frames,
        together=isinstance(network, ClipNetworkConfig),
        crop=network.crop,
    )


def start_weights(run: Path) -> Path:
    """The weights of a run folder or of a bundle, for `start.run`."""
    for path in (run / "best.safetensors", run / WEIGHTS, run / "bundle" / WEIGHTS):
        if path.is_file():
            return path
    inner = sorted(str(path.parent) for path in run.glob("**/best.safetensors"))[:5]
    hint = f"; below it are {', '.join(inner)}" if inner else ""
    raise LabelError(f"{run}: is neither a run folder nor a bundle with weights{hint}")


def _notes_on_people(clips: Sequence[LoadedClip], config: RecognitionConfig) -> list[str]:
    """What the user should know of the people in clips."""
    if not config.needs_people:
        return []
    few = [len(clip.people) for clip in clips]
    notes = []
    if nobody := few.count(0):
        notes.append(f"{nobody} of {counted(len(clips), 'clip')} show nobody: they teach little")
    if config.data.people == 2 and (alone := few.count(1)):
        notes.append(
            f"in {alone} of {counted(len(clips), 'clip')} only one person is chosen; `prepare "
            "keypoints --people 2` chooses two"
        )
    return notes


def export_run(run: Path, out: Path, *, epoch: int | None = None, compact: bool = False) -> Path:
    """Export a bundle of a run's best weights, or of a kept epoch; returns its folder."""

    def rebuild(path: Path) -> Rebuilt:
        config = load_recognition_config(path)
        data = load_clips(config.data)
        train, _ = data.split(config.data)
        plan = make_plan(config, _load(train, data.classes, config, []))
        network = build_network(without_start(config.network), len(data.classes), plan)
        return Rebuilt(network, config, plan, data.classes)

    return export_run_of(run, out, epoch=epoch, compact=compact, rebuild=rebuild)


def _load(
    clips: Sequence[Clip],
    classes: Sequence[str],
    config: RecognitionConfig,
    notes: list[str],
) -> list[LoadedClip]:
    """The clips of one side, less those whose video cannot be read, which `notes` gets."""
    loaded = []
    with progress("reading clips", len(clips)) as bar:
        for clip in clips:
            try:
                loaded.append(
                    load_clip(
                        clip,
                        classes,
                        config.data,
                        needs_pixels=config.sees_pixels,
                        needs_people=config.needs_people,
                    )
                )
            except MediaError as error:
                notes.append(f"left out: {error}")
            bar.advance(1)
    if clips and not loaded:
        raise LabelError(f"none of {counted(len(clips), 'clip')} can be read: {notes[-1]}")
    return loaded


def _answers(
    model: nn.Module,
    samples: ClipSamples,
    clips: Sequence[LoadedClip],
    classes: tuple[str, ...],
    device: torch.device,
) -> Answers:
    """The log probabilities of clips, averaged over the people of each."""
    parts = []
    for batch in batches(samples, batch_size=VALIDATION_BATCH, seed=0, epoch=0):
        inputs = _inputs({name: values.to(device) for name, values in batch.items()})
        parts.append(F.log_softmax(model(inputs).float(), 1).cpu().numpy())
    each = np.concatenate(parts).astype(np.float64)
    total = np.zeros((len(clips), len(classes)))
    np.add.at(total, samples.clips, each)
    total /= np.bincount(samples.clips, minlength=len(clips))[:, None]
    total -= np.logaddexp.reduce(total, axis=1, keepdims=True)
    return Answers(
        classes=classes,
        clips=tuple(clip.clip.name for clip in clips),
        groups=tuple(clip.clip.group for clip in clips),
        spans=tuple(clip.span for clip in clips),
        targets=np.array([clip.target for clip in clips]),
        log_probabilities=total,
    )


def _inputs(batch: dict[str, Tensor]) -> Tensor:
    return batch["keypoints"] if "keypoints" in batch else batch["frames"]


def _class_weights(samples: ClipSamples, config: RecognitionConfig, classes: int) -> Tensor:
    """The weights of classes in the loss, with a mean of 1 over the samples."""
    if config.balance != "weights":
        return torch.ones(classes)
    counts = np.bincount(samples.targets, minlength=classes)
    weights = len(samples.targets) / (classes * np.maximum(counts, 1))
    return torch.from_numpy(weights.astype(np.float32))
