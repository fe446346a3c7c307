"""How near are the networks of single clips, on series that they have never heard?

On generated seasons whose series are split into training, validation and test: the contest's score
of a constant, of the recipe's networks at demo size, of the head that scores moments without and
with a second look, and of five answers fused as in the recipe; then of the season matcher where it
finds the boundary, and the moment head elsewhere. Epochs are chosen on the validation series. Then
the matcher with and without the network as a prior, on a whole season, two episodes and one.

    python benchmarks/episodes_networks.py [--seeds 1 2 3] [--series 14] [--keep FOLDER]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from environment import describe, silence
from playhead.episodes.evaluate import evaluate_pairs, read_pairs
from playhead.episodes.features.prepare import prepare
from playhead.episodes.features.table import FeatureRow, read_table
from playhead.episodes.network.clips import NAMES, clip_part
from playhead.episodes.network.config import find_config, load_boundary_config
from playhead.episodes.network.ensemble import fuse
from playhead.episodes.network.predict import answers_of_rows
from playhead.episodes.network.score import score_boundaries
from playhead.episodes.network.train import export_run, train_boundaries
from playhead.episodes.run import MatchOptions, match_seasons
from playhead.events.formats import native
from playhead.events.manifest import read_manifest
from playhead.execution.runner import SERIAL, Executor
from playhead.media import open_video
from playhead.worlds.kept import WorldConfig, world_manifest

ONE_LAYER = ("network.head=one-layer", "network.second=none")
NETWORKS = {
    "plain": ONE_LAYER,
    "two-layer head": ("network.head=two-layer", "network.second=none"),
    "YOLT": ("network.head=one-layer", "network.second=cell"),
    "moments": ("network.second=none",),
    "moments, centred second look": (),
}
MOMENTS = "moments, centred second look"
FUSED = (
    ("plain", "best"),
    ("two-layer head", "best"),
    ("two-layer head", "last"),
    ("YOLT", "best"),
    ("YOLT", "last"),
)
Answers = dict[str, float | None]


@dataclass(frozen=True)
class Training:
    """A network to train with one seed, and which of its epochs answer."""

    name: str
    seed: int
    features: Path
    folder: Path

    def run(self) -> tuple[float, dict[str, Answers]]:
        """Seconds of the training, and the answers of `best` and `last` to the test clips."""
        kept = self.folder / "answers.json"
        if kept.is_file():
            seconds, answers = json.loads(kept.read_text())
            return seconds, answers
        plain = load_boundary_config(find_config("demo"))
        last = plain.training.epochs
        settings = (
            f"data.features={json.dumps(str(self.features))}",
            f"training.seed={self.seed}",
            f"training.keep_epochs=[{last}]",
            *NETWORKS[self.name],
        )
        config = load_boundary_config(find_config("demo"), settings)
        started = time.monotonic()
        resume = (self.folder / "run" / "config.yaml").is_file()
        result = train_boundaries(config, self.folder / "run", resume=resume, device="cpu")
        seconds = time.monotonic() - started
        bundles = {"best": result.bundle}
        if (self.name, "last") in FUSED:
            out = self.folder / "last"
            bundles["last"] = out if out.exists() else export_run(result.run, out, epoch=last)
        rows = test_rows(self.features)
        answers = {
            epoch: {
                answer.clip: answer.seconds
                for answer in answers_of_rows(bundle, rows, self.features)
            }
            for epoch, bundle in bundles.items()
        }
        kept.write_text(json.dumps([seconds, answers]))
        return seconds, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the trainings")
    parser.add_argument("--series", type=int, default=14, help="at least 8")
    parser.add_argument("--keep", type=Path, help="a folder to keep and to continue")
    arguments = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as temporary:
        run(arguments, (arguments.keep or Path(temporary)).resolve())


def run(arguments: argparse.Namespace, work: Path) -> None:
    started = time.monotonic()
    settings = ("train=0.5", "valid=0.2")
    world = WorldConfig(name="season", count=arguments.series, seed=2, settings=settings)
    manifest = world_manifest(world)
    features = work / "features"
    executor = Executor(kind="processes", workers=2)
    prepare(manifest.parent, features, labels=manifest, text="boxes", executor=executor)
    rows = test_rows(features)
    sides = {split: len({r.group for r in read_table(features) if r.split == split})
             for split in ("train", "valid", "test")}  # fmt: skip
    print(
        f"{sides['train']} series to train on, {sides['valid']} to choose epochs, "
        f"{sides['test']} to test, of six episodes each; {len(rows)} test clips"
    )
    trainings = [
        Training(name, seed, features, work / f"{number}-{seed}")
        for seed in arguments.seeds
        for number, name in enumerate(NETWORKS)
    ]
    with ProcessPoolExecutor(2, get_context("spawn"), silence) as pool:
        results = list(pool.map(Training.run, trainings))
    found = {(t.name, t.seed): result for t, result in zip(trainings, results, strict=True)}
    matcher = matched(manifest, work / "matches", rows, executor)

    labels = [row.label for row in rows]
    constants = score_boundaries([0.0] * len(rows), labels, [clip_part(r.name) for r in rows])
    print("\nThe contest's score in seconds, openings / endings, lower is better\n")
    print(f"| network | {' | '.join(f'seed {seed}' for seed in arguments.seeds)} | mean seconds |")
    print("|---|" + "---|" * (len(arguments.seeds) + 1))
    constant = " / ".join(f"{constants[f'{kind}_constant']:.2f}" for kind in NAMES.values())
    print(f"| constant, the median of the test clips |{f' {constant} |' * len(arguments.seeds)} |")
    for name in NETWORKS:
        cost = float(np.mean([found[name, seed][0] for seed in arguments.seeds]))
        line(
            [*(scored(found[name, seed][1]["best"], rows) for seed in arguments.seeds)], name, cost
        )
    fused = {
        seed: {
            row.name: fuse([found[name, seed][1][epoch][row.name] for name, epoch in FUSED],
                           "two-means")
            for row in rows
        }
        for seed in arguments.seeds
    }  # fmt: skip
    line([scored(fused[seed], rows) for seed in arguments.seeds], "five answers, fused")
    both = {
        seed: {
            row.name: matcher.get(row.name, found[MOMENTS, seed][1]["best"][row.name])
            for row in rows
        }
        for seed in arguments.seeds
    }
    line([scored(both[seed], rows) for seed in arguments.seeds], f"season matcher, else {MOMENTS}")

    print("\nThe matcher with the network as a prior, openings and endings of the test series\n")
    print("| episodes given | bundle | found | missed | false | false skips, s an hour |")
    print("|---|---|---|---|---|---|")
    number = list(NETWORKS).index(MOMENTS)
    bundle = work / f"{number}-{arguments.seeds[0]}" / "run" / "bundle"
    for episodes in (6, 2, 1):
        for prior in (None, bundle):
            priors(manifest, work, episodes, prior)
    print(f"\n{(time.monotonic() - started) / 60:.0f} minutes in all")


def line(scores: Sequence[str], name: str, seconds: float | None = None) -> None:
    print(f"| {name} | {' | '.join(scores)} | {'' if seconds is None else f'{seconds:.0f}'} |")


def scored(answers: Mapping[str, float | None], rows: Sequence[FeatureRow]) -> str:
    """The scores of openings and endings; an answer `none` counts as 0 s."""
    values = [answers[row.name] or 0.0 for row in rows]
    scores = score_boundaries(
        values, [row.label for row in rows], [clip_part(row.name) for row in rows]
    )
    return " / ".join(f"{scores[f'{kind}_score']:.2f}" for kind in NAMES.values())


def test_rows(features: Path) -> list[FeatureRow]:
    return [row for row in read_table(features) if row.split == "test" and row.label is not None]


def matched(
    manifest: Path, out: Path, rows: Sequence[FeatureRow], executor: Executor
) -> dict[str, float]:
    """The boundaries of clips that the matcher of seasons finds, in seconds of the clip."""
    seasons = sorted({r.video.parent for r in read_manifest(manifest) if r.split == "test"})
    match_seasons(seasons, out, MatchOptions(), executor=executor)
    folder = Path(os.path.commonpath(seasons)) if len(seasons) > 1 else seasons[0].parent
    answers = {}
    for row in rows:
        stem, part = row.name.rsplit("_", 1)
        path = out / Path(stem).relative_to(folder.relative_to(manifest.parent))
        [kind] = [kind for key, kind in NAMES.items() if key == part]
        for event in native.read(path.with_name(f"{path.name}.events.json")).events:
            if event.label != kind or event.end is None:
                continue
            edge = event.end if part == "start" else event.start - row_start(manifest, stem, row)
            if 0 <= edge <= row.seconds:
                answers[row.name] = edge
    return answers


def row_start(manifest: Path, stem: str, row: FeatureRow) -> float:
    """The second of an episode at which its last clip starts."""
    [path] = [
        r.video for r in read_manifest(manifest) if str(r.video.with_suffix("")).endswith(stem)
    ]
    with open_video(path) as video:
        return video.duration - row.seconds


def priors(manifest: Path, work: Path, episodes: int, bundle: Path | None) -> None:
    """Match the first `episodes` of each test series, and print a row."""
    rows = [row for row in read_manifest(manifest) if row.split == "test"]
    paths = [row.video for row in rows if int(row.video.stem[-2:]) <= episodes]
    out = work / f"prior-{episodes}-{bundle is not None}"
    match_seasons(paths, out, MatchOptions(bundle=bundle), executor=SERIAL)
    pairs = read_pairs(manifest, out, split="test")
    names = {video.video for video in pairs.predictions}
    kept = type(pairs)(
        tuple(video for video in pairs.truth if video.video in names),
        pairs.predictions,
        pairs.durations,
    )
    evaluation = evaluate_pairs(kept).to_json()
    kinds = [evaluation["per_class"][kind] for kind in NAMES.values()
             if kind in evaluation["per_class"]]  # fmt: skip
    truths = sum(kind["truths"] for kind in kinds)
    predictions = sum(kind["predictions"] for kind in kinds)
    hits = sum(round((kind["recall"] or 0) * kind["truths"]) for kind in kinds)
    print(
        f"| {episodes} | {'no' if bundle is None else 'yes'} | {hits} | {truths - hits} | "
        f"{predictions - hits} | {evaluation['metrics']['false_skip_seconds_per_hour']:.1f} |"
    )


if __name__ == "__main__":
    main()
