"""Late fusion: several networks whose log probabilities are added with weights.

Weights and temperature come from answers to clips that the networks were not trained on. They have
the lowest cross-entropy, which is a convex problem (a logarithmic opinion pool).
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from playhead.errors import BundleError, LabelError
from playhead.inference.bundle import (
    BundleManifest,
    DataSource,
    Part,
    load_bundle,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.recognition.answers import Answers, calibrate
from playhead.recognition.networks import read_members
from playhead.recognition.plan import FusionMember, FusionPlan
from playhead.samples.folds import grouped_folds

__all__ = ["FusedBundle", "aligned", "cross_fitted", "find_weights", "fuse", "write_fusion"]

RIDGE = 1e-3
"""Pulls weights together a little, so that equal networks get equal weights."""

FOLDS = 5


@dataclass(frozen=True, slots=True)
class FusedBundle:
    """A bundle of a fusion: its path below a run, and its weight."""

    name: str
    bundle: Path
    weight: float


def aligned(parts: Sequence[Answers]) -> list[Answers]:
    """The answers of several networks to the clips that all of them answered, in one order.

    Raises LabelError if they have no clip in common, or differ in classes or in a label.
    """
    first = parts[0]
    common = set(first.keys).intersection(*(part.keys for part in parts[1:]))
    if not common or any(part.classes != first.classes for part in parts):
        raise LabelError(
            "the networks have no validation clip in common or different classes; train them on "
            "the same clips and folds"
        )
    order = [key for key in first.keys if key in common]
    result = []
    for part in parts:
        rows = {key: row for row, key in enumerate(part.keys)}
        result.append(part.rows([rows[key] for key in order]))
    if any((part.targets != result[0].targets).any() for part in result):
        raise LabelError("the networks learnt different labels of the same clip")
    return result


def find_weights(parts: Sequence[Answers]) -> NDArray[np.float64]:
    """The weights (M,) of the networks, at least 0, with the lowest cross-entropy of their fusion.

    parts: the answers of each to the same clips in the same order
    """
    stacked = np.stack([part.log_probabilities for part in parts])  # M, N, C
    targets = parts[0].targets
    right = stacked[:, np.arange(len(targets)), targets]  # M, N

    def objective(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total = np.tensordot(weights, stacked, 1)  # N, C
        normaliser = np.logaddexp.reduce(total, axis=1)
        shares = np.exp(total - normaliser[:, None])
        expected = (stacked * shares).sum(2)  # M, N
        spread = weights - weights.mean()
        value = (normaliser - weights @ right).mean() + RIDGE * float(spread @ spread)
        return float(value), (expected - right).mean(1) + 2 * RIDGE * spread

    count = len(parts)
    start = np.full(count, 1 / count)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * count)
    weights: NDArray[np.float64] = np.maximum(found.x, 0)
    return weights if weights.any() else start


def fuse(parts: Sequence[Answers], weights: NDArray[np.float64]) -> Answers:
    """The answers of a fusion, normalised."""
    stacked = np.stack([part.log_probabilities for part in parts])
    total = np.tensordot(weights / weights.sum(), stacked, 1)
    total -= np.logaddexp.reduce(total, axis=1, keepdims=True)
    return replace(parts[0], log_probabilities=total)


def cross_fitted(parts: Sequence[Answers]) -> Answers:
    """The answers of a fusion to each clip, with the weights found on the other groups.

    So no clip is measured with weights that it had a share in.
    """
    groups = list(parts[0].groups)
    count = min(FOLDS, len(set(groups)))
    if count < 2:
        return fuse(parts, find_weights(parts))
    result = np.zeros_like(parts[0].log_probabilities)
    for fold in grouped_folds(groups, count):
        weights = find_weights([part.rows(fold.train) for part in parts])
        held = fuse([part.rows(fold.validation) for part in parts], weights)
        result[list(fold.validation)] = held.log_probabilities
    return replace(parts[0], log_probabilities=result)


def write_fusion(members: Sequence[FusedBundle], answers: Answers, out: Path) -> None:
    """Write the bundle of a fusion, with the graphs of its members.

    members: with a weight of 0 they are left out
    answers: of the fusion, which calibrate its temperature and `unknown`
    Raises BundleError if a member is not a bundle of recognition, or classes differ.
    """
    parts: dict[str, Part] = {}
    plans: list[FusionMember] = []
    sources: list[DataSource] = []
    with new_bundle_folder(out) as folder:
        for member in members:
            if not member.weight:
                continue
            bundle = load_bundle(member.bundle)
            manifest = bundle.manifest
            if manifest.classes != answers.classes:
                raise BundleError(f"{member.bundle}: has other classes than the fusion")
            for inner in read_members(bundle):
                name = f"{member.name}-{inner.part}"
                file = f"{name}.onnx"
                shutil.copyfile(bundle.graph(inner.part), folder / file)
                parts[name] = manifest.parts[inner.part].model_copy(update={"file": file})
                share = inner.weight * member.weight
                plan = inner.plan
                plans.append(
                    FusionMember(
                        name=name,
                        kind="pixel-clips" if plan.kind == "pixel-clips" else "keypoint-clips",
                        input=plan.model_dump(mode="json"),
                        weight=share,
                    )
                )
            sources += [source for source in manifest.sources if source not in sources]
            versions = manifest.versions
        manifest = BundleManifest.of(
            FusionPlan(members=tuple(plans)),
            job="recognition",
            classes=answers.classes,
            parts=parts,
            post_processing=calibrate(answers),
            versions=versions,
            sources=tuple(sources),
        )
        write_bundle_files(folder, manifest)
