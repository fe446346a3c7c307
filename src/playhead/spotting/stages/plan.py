"""The runs of a recipe: its stages, their folds, and what each starts from; nothing imports torch.

A recipe is a configuration with the section `stages`: its other settings are those of every stage,
and each stage has what differs, and its links to earlier stages:

    stages:
      basic: {}
      other: {data: {manifest: other/manifest.csv, folds: null}}
      transfer: {start_from: other, hard_scores_from: basic}

The folder of a run is OUT/STAGE, or OUT/STAGE/fold-K with folds; a configuration without stages has
the folds OUT/fold-K.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from playhead.config import Settings, merge, override, read_settings, source_of, validate
from playhead.errors import ConfigError
from playhead.spotting.config import SpottingConfig, load_spotting_config

__all__ = [
    "Links",
    "Plan",
    "Stage",
    "Training",
    "load_plan",
    "plan_of",
    "read_plan",
    "waves",
    "with_fold",
]

FOLDS = 5
"""Folds of a configuration that names no number, if all are asked for."""


class Links(Settings):
    """What a stage takes from earlier ones."""

    start_from: str | None = Field(
        default=None, description="stage whose weights it starts from, of the same fold"
    )
    hard_scores_from: str | None = Field(
        default=None, description="stage whose out-of-fold scores raise its sampling weights"
    )
    nested: bool = Field(
        default=False,
        description="the scores of each fold come from models that did not see its validation "
        "videos either: a training more for every pair of folds",
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its settings with those of every stage, and its links.

    name: empty for a configuration without stages
    """

    name: str
    values: Mapping[str, Any]
    links: Links
    source: str

    @property
    def earlier(self) -> tuple[str, ...]:
        """The stages that it needs."""
        wanted = (self.links.start_from, self.links.hard_scores_from)
        return tuple(dict.fromkeys(name for name in wanted if name is not None))


@dataclass(frozen=True, slots=True)
class Training:
    """One run: its place in the recipe, its configuration and its folder.

    folds: the validation folds; none: by the split of the videos
    """

    stage: str
    folds: tuple[int, ...] | None
    config: SpottingConfig
    folder: Path

    @property
    def name(self) -> str:
        """As `transfer, fold 3`."""
        match self.folds:
            case None:
                return self.stage
            case (fold,):
                part = f"fold {fold}"
            case several:
                part = f"without folds {' and '.join(map(str, several))}"
        return f"{self.stage}, {part}" if self.stage else part


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of a recipe, in order.

    document: the recipe with all settings applied, as YAML holds it
    """

    stages: tuple[Stage, ...]
    document: Mapping[str, Any]
    source: str

    def folder(self, out: Path, stage: Stage) -> Path:
        """The folder of a stage."""
        return out / stage.name if stage.name else out

    def base(self, stage: Stage) -> SpottingConfig:
        """The configuration of a stage, without the files of earlier ones."""
        config = self._config(stage, {"hard_scores": None} if stage.links.hard_scores_from else {})
        return config.model_copy(update={"start": None}) if stage.links.start_from else config

    def manifests(self) -> dict[str, Path]:
        """The data sets of all stages, by the settings that name them."""
        found: dict[str, Path] = {}
        for stage in self.stages:
            own = _has(self.document.get("stages", {}).get(stage.name) or {}, ["data", "manifest"])
            setting = f"stages.{stage.name}.data.manifest" if own else "data.manifest"
            found[setting] = self.base(stage).data.manifest
        return found

    def folds_of(self, stage: Stage, asked: str | None) -> tuple[int, ...] | None:
        """The folds of a stage that are trained; None for one by the split of the videos.

        asked: `all`, a number, or None for the configuration's own
        A stage whose out-of-fold scores another needs is trained on all folds.
        """
        data = self.base(stage).data
        if data.folds is None:
            return None
        every = tuple(range(data.folds))
        needed = any(
            other.links.hard_scores_from == stage.name and not other.links.nested
            for other in self.stages
        )
        match asked:
            case None:
                folds = (data.fold,) if isinstance(data.fold, int) else data.fold
            case "all":
                folds = every
            case number if number.isdecimal() and int(number) in every:
                folds = (int(number),)
            case other:
                raise ConfigError(f"--fold {other}: needs all, or a number below {data.folds}")
        return every if needed else folds

    def trainings(self, stage: Stage, out: Path, asked: str | None) -> list[Training]:
        """The runs of a stage, those of pairs of folds last."""
        folder, folds = self.folder(out, stage), self.folds_of(stage, asked)
        if folds is None:
            return [Training(stage.name, None, self._linked(stage, out, None), folder)]
        runs = [
            Training(stage.name, (k,), self._linked(stage, out, k), folder / f"fold-{k}")
            for k in folds
        ]
        for pair in self._pairs(stage, asked):
            config = self._linked(stage, out, pair)
            runs.append(Training(stage.name, pair, config, folder / f"without-{pair[0]}-{pair[1]}"))
        return runs

    def scores_folder(self, stage: Stage, out: Path, fold: int | None) -> Path:
        """Where the gathered scores of a stage lie.

        fold: of the later stage that uses nested ones, which must not have been seen
        """
        name = "scores" if fold is None else f"scores-without-{fold}"
        return self.folder(out, stage) / name

    def nested_folds(self, stage: Stage, asked: str | None) -> tuple[int, ...]:
        """The folds of later stages that need scores of this one without them."""
        folds: set[int] = set()
        for other in self.stages:
            if other.links.hard_scores_from == stage.name and other.links.nested:
                folds |= set(self.folds_of(other, asked) or ())
        return tuple(sorted(folds))

    def _pairs(self, stage: Stage, asked: str | None) -> list[tuple[int, ...]]:
        """The pairs of folds that models of nested scores are trained without."""
        nested = set(self.nested_folds(stage, asked))
        count = self.base(stage).data.folds or 0
        return [pair for pair in combinations(range(count), 2) if nested & set(pair)]

    def _linked(
        self, stage: Stage, out: Path, fold: int | tuple[int, ...] | None
    ) -> SpottingConfig:
        """The configuration of a run, with the files of earlier stages."""
        changes: dict[str, Any] = {}
        if fold is not None:
            changes["data"] = {"fold": fold}
        if (name := stage.links.start_from) is not None:
            earlier = self.folder(out, self.stage(name))
            whole = self.base(self.stage(name)).data.folds is None
            run = earlier if whole else earlier / f"fold-{fold}"
            changes["start"] = {"weights": str(run / "best.safetensors")}
        if (name := stage.links.hard_scores_from) is not None:
            assert isinstance(fold, int)
            without = fold if stage.links.nested else None
            changes["hard_scores"] = str(self.scores_folder(self.stage(name), out, without))
        return self._config(stage, changes)

    def _config(self, stage: Stage, changes: Mapping[str, Any]) -> SpottingConfig:
        values = merge(stage.values, changes)
        if stage.links.start_from and "start" not in changes:  # a frozen part needs one
            values = merge(values, {"start": {"weights": "best.safetensors"}})
        source = f"{stage.source}, stage {stage.name}" if stage.name else stage.source
        return validate(SpottingConfig, values, source=source)

    def stage(self, name: str) -> Stage:
        """The stage of a name."""
        return next(stage for stage in self.stages if stage.name == name)


def read_plan(path: Path, settings: Sequence[str], fold: str | None) -> Plan | None:
    """The plan of a recipe of stages, or of all folds of a configuration; None for one training.

    fold: `all`, a number, or None
    """
    if "stages" in read_settings(path):
        return load_plan(path, settings)
    if fold == "all":
        return plan_of(load_spotting_config(path, settings), source_of(path))
    return None


def load_plan(path: Path, settings: Sequence[str] = ()) -> Plan:
    """The plan of a recipe; `settings` are `key=value`, or `stages.NAME.key=value` for one stage.

    A common setting does not change a stage that has its own. Raises ConfigError with what is wrong
    with a stage, and for a common setting that every stage has itself.
    """
    document, source = read_settings(path), source_of(path)
    for setting in settings:
        override(document, setting)
    sections = document.get("stages")
    if not isinstance(sections, dict) or not sections:
        raise ConfigError(f"{source}: stages needs a section for each stage, by its name")
    for name, own in sections.items():
        if not isinstance(own, dict | None):
            raise ConfigError(f"{source}: stages.{name} needs a section of settings")
        if not re.fullmatch(r"\w[\w-]*", str(name)):
            raise ConfigError(f"{source}: stages.{name}: a stage names a folder; use letters")
    for setting in settings:
        _refuse_unused(setting, sections, source)
    common = {key: value for key, value in document.items() if key != "stages"}
    stages = []
    for name, own in sections.items():
        values = dict(own or {})
        _refuse_unknown(values, f"{source}, stage {name}")
        links = {key: values.pop(key) for key in Links.model_fields if key in values}
        where = f"{source}, stage {name}"
        stages.append(
            Stage(str(name), merge(common, values), validate(Links, links, source=where), source)
        )
    plan = Plan(tuple(stages), document, source)
    _check(plan)
    return plan


def with_fold(config: SpottingConfig, fold: str, source: str) -> SpottingConfig:
    """A configuration with this validation fold. Raises ConfigError if it is no fold."""
    folds = config.data.folds or FOLDS
    if not fold.isdecimal() or int(fold) >= folds:
        raise ConfigError(f"--fold {fold}: needs all, or a number below {folds}")
    changes = {"data": {"folds": folds, "fold": int(fold)}}
    return validate(SpottingConfig, merge(config.model_dump(mode="json"), changes), source=source)


def plan_of(config: SpottingConfig, source: str) -> Plan:
    """The plan of a configuration without stages, for its folds."""
    values = config.model_dump(mode="json")
    if config.data.folds is None:
        values["data"]["folds"] = FOLDS
    return Plan((Stage("", values, Links(), source),), values, source)


def waves(plan: Plan) -> Iterator[list[Stage]]:
    """Groups of stages, each of which needs only stages of the groups before."""
    done: set[str] = set()
    while len(done) < len(plan.stages):
        wave = [s for s in plan.stages if s.name not in done and done.issuperset(s.earlier)]
        done |= {stage.name for stage in wave}
        yield wave


def _refuse_unknown(values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError for a key that is neither a setting nor a link of a stage."""
    known = [*Links.model_fields, *SpottingConfig.model_fields]
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise ConfigError(f"{where}: {key}: there is no such setting; {hint}")


def _refuse_unused(setting: str, sections: Mapping[str, Any], source: str) -> None:
    """Raise ConfigError for a common setting that changes no stage."""
    key = setting.partition("=")[0].strip()
    if key.split(".")[0] == "stages":
        return
    if all(_has(own or {}, key.split(".")) for own in sections.values()):
        first = next(iter(sections))
        raise ConfigError(
            f"--set {setting}: every stage of {source} has its own {key}; set "
            f"stages.{first}.{key}, and so on"
        )


def _has(values: Any, parts: Sequence[str]) -> bool:
    if not parts:
        return not isinstance(values, dict)
    return isinstance(values, dict) and parts[0] in values and _has(values[parts[0]], parts[1:])


def _check(plan: Plan) -> None:
    """Raise ConfigError unless the links of all stages fit."""
    names = [stage.name for stage in plan.stages]
    for number, stage in enumerate(plan.stages):
        where = f"{plan.source}, stage {stage.name}"
        for earlier in stage.earlier:
            if earlier not in names[:number]:
                known = ", ".join(names[:number]) or "none"
                raise ConfigError(f"{where}: {earlier} is not a stage before it ({known})")
        data = plan.base(stage).data
        if stage.links.hard_scores_from is not None:
            if data.folds is None:
                raise ConfigError(f"{where}: hard_scores_from needs data.folds")
            _same_folds(plan, stage, stage.links.hard_scores_from, where)
        start = stage.links.start_from
        if start is not None and plan.base(plan.stage(start)).data.folds is not None:
            _same_folds(plan, stage, start, where)
        if stage.links.nested:
            scored = stage.links.hard_scores_from
            if scored is None:
                raise ConfigError(f"{where}: nested is about hard_scores_from, which is not given")
            if plan.stage(scored).earlier:
                raise ConfigError(f"{where}: nested needs a stage that starts from no other")


def _same_folds(plan: Plan, stage: Stage, earlier: str, where: str) -> None:
    own, other = plan.base(stage).data, plan.base(plan.stage(earlier)).data
    if (own.manifest, own.folds) != (other.manifest, other.folds):
        raise ConfigError(
            f"{where}: its folds must be those of stage {earlier}, so that no model has seen a "
            "validation video; give both the same data.manifest and data.folds"
        )


def document_text(plan: Plan) -> str:
    """The recipe as YAML."""
    return yaml.safe_dump(dict(plan.document), sort_keys=False, allow_unicode=True)
