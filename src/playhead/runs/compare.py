"""Runs side by side: the metric that each reached, what it took, and the settings that differ.

A metric's value is that of the kept epoch, whose weights are in the bundle: so no direction needs
to be known, and all columns of a run speak of the same weights.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playhead.errors import PlayheadError
from playhead.runs.folders import Run, read_runs

__all__ = ["ComparedRun", "Comparison", "compare_runs", "setting_text", "unique_names"]


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRun:
    """One of several runs.

    name: the end of its path that no other run has
    value: of the metric of the comparison, None if the run has none
    final: the metrics in its bundle
    """

    name: str
    run: Run
    value: float | None
    final: Mapping[str, float]

    @property
    def best_epoch(self) -> int | None:
        """The epoch whose weights are kept."""
        return None if self.run.kept is None else self.run.kept["epoch"]

    @property
    def epochs_done(self) -> int:
        """The number of finished epochs."""
        return len(self.run.epoch_rows)

    def row(self, metric: str | None) -> dict[str, Any]:
        """A row of the table."""
        speed = self.run.samples_per_second
        return {
            "run": self.name,
            **({} if metric is None else {metric: self.value}),
            "best epoch": self.best_epoch,
            "epochs": f"{self.epochs_done} of {self.run.epochs}",
            "loss": self.run.loss,
            "seconds": round(self.run.seconds),
            "samples/s": None if speed is None else round(speed),
        }

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "run": self.name,
            "path": str(self.run.folder),
            "value": self.value,
            "best_epoch": self.best_epoch,
            "epoch": self.epochs_done,
            "epochs": self.run.epochs,
            "loss": self.run.loss,
            "seconds": self.run.seconds,
            "samples_per_second": self.run.samples_per_second,
            "bundle": self.run.has_bundle,
            "metrics": dict(self.final),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Runs of one job.

    metric: that the runs are compared by; None if none of them has measured any
    settings: those that differ: by name of the setting, then of the run; a run may lack one
    notes: what makes the figures less comparable
    """

    job: str
    metric: str | None
    runs: tuple[ComparedRun, ...]
    settings: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """The table of the runs."""
        return [run.row(self.metric) for run in self.runs]

    def setting_rows(self) -> list[dict[str, str | None]]:
        """The table of the settings that differ; None where a run has no such setting."""
        names = [run.name for run in self.runs]
        rows: list[dict[str, str | None]] = []
        for setting, values in self.settings.items():
            texts = {name: setting_text(value) for name, value in values.items()}
            rows.append({"setting": setting, **{name: texts.get(name) for name in names}})
        return rows

    def to_json(self) -> dict[str, Any]:
        """As a plain mapping."""
        return {
            "job": self.job,
            "metric": self.metric,
            "runs": [run.to_json() for run in self.runs],
            "settings": self.settings,
            "notes": list(self.notes),
        }


def compare_runs(paths: Sequence[Path], metric: str | None = None) -> Comparison:
    """Read the runs in `paths`, each a run folder or one that holds several.

    metric: of the validation during training, or of the bundle after it; None: that which selects
        the epoch
    Raises PlayheadError for a path without a run, fewer than two runs, runs of several jobs, or a
    metric that no run has.
    """
    runs = read_runs(paths)
    first = runs[0]
    if len(runs) < 2:
        raise PlayheadError(
            f"{first.folder}: is a single run; name two or more, or a folder that holds several"
        )
    for run in runs:
        if run.job != first.job:
            raise PlayheadError(
                f"{first.folder} is a run of {first.job}, {run.folder} of {run.job}: only runs of "
                "one job can be compared; name those of one"
            )
    final = [run.final_metrics() for run in runs]
    by, notes = _metric(runs, final, metric)
    names = unique_names([run.folder for run in runs])
    compared = tuple(
        ComparedRun(name, run, _value(run, ended, by), ended)
        for name, run, ended in zip(names, runs, final, strict=True)
    )
    settings = _differences({one.name: one.run.config for one in compared})
    data = [name for name in settings if name.startswith("data.")]
    if data:
        more = f" and {len(data) - 3} more" if len(data) > 3 else ""
        notes.append(
            f"the data differ ({', '.join(data[:3])}{more}): the metrics may not be comparable"
        )
    return Comparison(first.job, by, compared, settings, tuple(notes))


def unique_names(folders: Sequence[Path]) -> list[str]:
    """For each of different folders the shortest end of its path that no other one has.

    Neighbours in one folder get names of the same length, such as `basic/fold-0`, `basic/fold-1`.
    """
    paths = [folder.resolve().parts[1:] for folder in folders]
    lengths: dict[tuple[str, ...], int] = {}
    for own in paths:
        ends = (n for n in range(1, len(own)) if sum(own[-n:] == p[-n:] for p in paths) == 1)
        lengths[own[:-1]] = max(lengths.get(own[:-1], 1), next(ends, len(own)))
    return ["/".join(own[-lengths[own[:-1]] :]) for own in paths]


def setting_text(value: Any) -> str:
    """A value as in a YAML file, in one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _metric(
    runs: Sequence[Run], final: Sequence[Mapping[str, float]], wanted: str | None
) -> tuple[str | None, list[str]]:
    """The metric to compare by, and notes on the choice."""
    logged = [
        {name: None for row in run.epoch_rows for name in row.get("metrics") or {}} for run in runs
    ]
    known = list({name: None for names in (*logged, *final) for name in names})
    if wanted is not None:
        if wanted not in known:
            raise PlayheadError(
                f"--metric {wanted}: no run has this metric; choose one of "
                f"{', '.join(known) or 'none, since no run has measured any yet'}"
            )
        return wanted, []
    selected = {run.select: None for run in runs}
    notes = []
    if len(selected) > 1:
        by = ", ".join("the last epoch" if name is None else name for name in selected)
        notes.append(f"the runs keep their weights by different rules: {by}")
    choices = [name for name in selected if name in known] + known
    shared = [name for name in choices if all(name in names for names in logged if names)]
    return next(iter([*shared, *choices]), None), notes


def _value(run: Run, final: Mapping[str, float], metric: str | None) -> float | None:
    """The metric at the epoch that is kept, or of the bundle."""
    logged = {} if run.kept is None else run.kept.get("metrics") or {}
    return None if metric is None else logged.get(metric, final.get(metric))


def _differences(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    flat = {name: dict(_flat(config)) for name, config in configs.items()}
    sections = list({section: None for config in configs.values() for section in config})
    settings = sorted(
        {setting: None for values in flat.values() for setting in values},
        key=lambda setting: sections.index(setting.partition(".")[0]),
    )
    by_run = {
        setting: {name: values[setting] for name, values in flat.items() if setting in values}
        for setting in settings
    }
    return {
        setting: values
        for setting, values in by_run.items()
        if len(values) < len(flat) or len({json.dumps(value) for value in values.values()}) > 1
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
