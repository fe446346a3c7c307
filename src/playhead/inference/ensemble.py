"""Ensembles as one bundle: several models of windows, and the weighted mean of their outputs.

Such a bundle holds its members as whole bundles in `members/00`, `members/01` and so on, so its
checksums cover theirs. Its members have the same classes and the same rate; windows, sizes and
networks may differ.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import Field

from playhead.config import Settings
from playhead.decisions.ensemble import check_weights
from playhead.errors import BundleError
from playhead.files import inside
from playhead.inference.bundle import (
    Bundle,
    BundleManifest,
    InputPlan,
    load_bundle,
    new_bundle_folder,
    write_bundle_files,
)
from playhead.inference.dense import WindowPlan

__all__ = ["EnsembleMember", "EnsemblePlan", "WeightedBundle", "members_of", "write_ensemble"]


class EnsembleMember(Settings):
    """One model of an ensemble."""

    folder: str = Field(description="its bundle, in the folder of the ensemble")
    weight: float = Field(default=1.0, gt=0, description="its weight in the mean; ratios count")
    sees: str = Field(default="", description="its input in words")


class EnsemblePlan(InputPlan):
    """The members of an ensemble, each with the input plan of its own bundle."""

    kind: ClassVar[str] = "ensemble"

    members: tuple[EnsembleMember, ...] = Field(min_length=1)

    def describe(self) -> str:
        """The inputs of the members in words, for the model card."""
        equal = len({member.weight for member in self.members}) == 1
        share = sum(member.weight for member in self.members)
        sees: dict[str, list[str]] = {}
        for number, member in enumerate(self.members):
            weight = "" if equal else f" at {member.weight / share:.0%}"
            sees.setdefault(member.sees, []).append(f"{number:02}{weight}")
        each = ", ".join(f"{', '.join(names)} ({plan})" for plan, names in sees.items())
        return f"the mean of {len(self.members)} models: {each}"

    def output_shape(self, classes: int) -> tuple[int | None, ...]:
        """(B, classes)."""
        return None, classes


class WeightedBundle(NamedTuple):
    """A bundle of kind `windows` and its weight in an ensemble."""

    bundle: Bundle
    weight: float


def members_of(bundle: Bundle) -> list[WeightedBundle]:
    """The models of an ensemble; a bundle of kind `windows` is an ensemble of one.

    The files of the members are covered by the checksums of the ensemble.
    Raises BundleError for a bundle of another kind.
    """
    if bundle.manifest.kind != EnsemblePlan.kind:
        bundle.manifest.plan(WindowPlan)
        return [WeightedBundle(bundle, 1.0)]
    members = []
    for member in bundle.manifest.plan(EnsemblePlan).members:
        loaded = load_bundle(inside(bundle.folder, member.folder), verify=False)
        loaded.manifest.plan(WindowPlan)
        members.append(WeightedBundle(loaded, member.weight))
    return members


def write_ensemble(
    members: Sequence[Path],
    out: Path,
    *,
    weights: Sequence[float] | None = None,
    post_processing: Mapping[str, Any] | None = None,
) -> Bundle:
    """Save several bundles as one, atomically, whose output is the weighted mean of theirs.

    members: folders of bundles or of runs; an ensemble among them enters with its members
    weights: one for each, above 0, equal by default; only their ratios count
    post_processing: the settings for decisions, by default those of the first member
    The bundle has no metrics, since nothing has measured it yet; `note_in_bundle` adds some.
    Raises BundleError if a bundle is of another kind, listed twice, or differs from the first in
    job, classes or rate; PlayheadError for weights that do not fit.
    """
    if not members:
        raise BundleError(f"{out}: an ensemble needs at least one bundle, got none")
    shares = check_weights(weights, len(members), positive=True).tolist()
    loaded = [load_bundle(path) for path in members]
    _check_distinct(loaded)
    models: list[WeightedBundle] = []
    for bundle, share in zip(loaded, shares, strict=True):
        inner = members_of(bundle)
        total = sum(model.weight for model in inner)
        models += [WeightedBundle(model, share * weight / total) for model, weight in inner]
    first = models[0].bundle.manifest
    for model, _ in models[1:]:
        _check_alike(models[0].bundle, model)
    chosen = loaded[0].manifest.post_processing if post_processing is None else post_processing
    folders = [f"members/{number:02}" for number in range(len(models))]
    plan = EnsemblePlan(
        members=tuple(
            EnsembleMember(folder=folder, weight=weight, sees=model.manifest.sees)
            for folder, (model, weight) in zip(folders, models, strict=True)
        )
    )
    manifest = BundleManifest.of(
        plan,
        job=first.job,
        classes=first.classes,
        parts={
            f"{folder}/{name}": part.model_copy(update={"file": f"{folder}/{part.file}"})
            for folder, (model, _) in zip(folders, models, strict=True)
            for name, part in model.manifest.parts.items()
        },
        post_processing=dict(chosen),
        versions=first.versions,
        sources=tuple(
            dict.fromkeys(source for model, _ in models for source in model.manifest.sources)
        ),
    )
    with new_bundle_folder(out) as temporary:
        for folder, (model, _) in zip(folders, models, strict=True):
            shutil.copytree(model.folder, temporary / folder)
        write_bundle_files(temporary, manifest)
    return Bundle(out, manifest)


def _check_distinct(bundles: Sequence[Bundle]) -> None:
    seen = set()
    for bundle in bundles:
        folder = bundle.folder.resolve()
        if folder in seen:
            raise BundleError(
                f"{bundle.folder}: is listed twice; an ensemble needs different bundles, of which "
                "weights let one count more"
            )
        seen.add(folder)


def _check_alike(first: Bundle, other: Bundle) -> None:
    """Raise BundleError if two models have no common mean: other jobs, classes or rates."""
    a, b = first.manifest, other.manifest
    for what, given, needed in (
        ("the job", b.job, a.job),
        ("the classes", ", ".join(b.classes), ", ".join(a.classes)),
        ("the rate", b.plan(WindowPlan).rate, a.plan(WindowPlan).rate),
    ):
        if given != needed:
            raise BundleError(
                f"{other.folder}: has {what} {given}, but {first.folder} has {needed}; an ensemble "
                "needs the same in every bundle"
            )
