"""What do the parts of the impact recipe bring, at the size of the demo?

On the demo's generated plays, each seed being that of the plays and of the training: every arm
differs from the demo's network in one part, and shares what is trained with the others. Decisions
are tuned on the validation plays and F1 is that of the test plays, with 95 % intervals over plays.
The arms of one window, with and without marker, get twice the epochs, so as to come near to the
seconds of the base, which has four. Two processes of one thread each run side by side.
With --keep, what is finished there is not repeated, so that a run can be continued.

    playhead weights get mobilenet-v2
    python benchmarks/impact_arms.py [--seeds 1 2] [--plays 40] [--epochs 5] [--keep FOLDER]
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from environment import describe, silence
from playhead.demos.impact import EPOCHS_OF_ONE_FRAME, ONE_FRAME, PLAYS
from playhead.errors import LabelError
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.events.model import VideoEvents
from playhead.execution.items import output_path
from playhead.impact.candidates import CANDIDATES, Candidates, write_candidates
from playhead.impact.config import find_config, load_impact_config, task_of
from playhead.impact.data import labels_of_row, load_videos
from playhead.impact.decisions import ImpactDecisions
from playhead.impact.ensemble import ensemble_folders
from playhead.impact.evaluate import (
    ImpactEvaluation,
    Truth,
    evaluate_truth,
    is_scored,
    read_impacts,
    truth_of,
)
from playhead.impact.helmets.config import load_helmet_config
from playhead.impact.helmets.train import train_helmets
from playhead.impact.predict import PredictOptions, decide_again, plays_in, predict_plays
from playhead.impact.references import guessed_contacts
from playhead.impact.tracked.config import load_tracked_config
from playhead.impact.tracked.motion import FilledTracks, motion_features
from playhead.impact.tracked.train import train_tracked
from playhead.impact.train import train_impact
from playhead.impact.tune import SearchSpace, best_threshold, tune_truth
from playhead.inference.bundle import load_bundle
from playhead.inference.runtime import open_backend
from playhead.media import open_video
from playhead.metrics.box_events import box_event_f1, box_event_intervals
from playhead.worlds.kept import world_manifest

SIDE_BY_SIDE = 2
SPLIT = ("train=0.5", "valid=0.2")  # fewer than the demo trains on, so that more arms fit
Figures = dict[str, Any]


@dataclass(frozen=True)
class Training:
    """A network to train: settings over a packaged configuration.

    epochs: times --epochs; seed: added to that of the case
    """

    config: str
    settings: tuple[str, ...] = ()
    epochs: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Prediction:
    """Candidates of the validation and test plays; the names are those of TRAININGS."""

    networks: tuple[str, ...]
    helmets: tuple[str, ...] = ()
    tracks: str | None = None
    weight: float = 1.0

    @property
    def trained(self) -> set[str]:
        """The networks that have to be trained for it."""
        return {*self.networks, *self.helmets} | ({self.tracks} if self.tracks else set())


@dataclass(frozen=True)
class Arm:
    """A row of the table: decisions in candidates, which are an ensemble if there are several."""

    title: str
    predictions: tuple[str, ...]
    space: SearchSpace = field(default_factory=SearchSpace)


@dataclass(frozen=True)
class Case:
    """One seed: its plays, and the folder of all that comes from them."""

    seed: int
    epochs: int
    manifest: Path
    folder: Path

    def rows(self, *splits: str) -> list[ManifestRow]:
        return [row for row in read_manifest(self.manifest) if row.split in splits]

    def bundle(self, name: str) -> Path:
        return self.folder / "runs" / name / "bundle"


BASE = "3D network, the base"
CONTACTS = "contacts guessed from exact boxes"
EXACT = "exact"
EXACT_BOXES = ("network.inputs=motion", "jitter.centre=0", "jitter.size=0", "jitter.missing=0")
POINTS = ("network.target=point", "network.positive_weight=5")
NO_SHARING = "patches.windows=1"

TRAININGS = {
    "base": Training("collisions-demo"),
    "unmarked": Training("collisions-demo", (NO_SHARING,), epochs=2),
    "marked": Training("collisions-demo", (NO_SHARING, "network.marker=true"), epochs=2),
    "mined": Training("collisions-demo", ("mining.from_epoch=4", "mining.share=0.2")),
    "again": Training("collisions-demo", seed=100),
    "flat": Training("collisions-demo", ONE_FRAME, epochs=EPOCHS_OF_ONE_FRAME),
    "tracked": Training("tracks-demo"),
    "discs": Training("helmets-demo", epochs=0.7),
    "points": Training("helmets-demo", POINTS, epochs=0.7),
    "motion": Training("tracks-demo", EXACT_BOXES),
}
PREDICTIONS = {
    "half": Prediction(("base",), tracks="tracked", weight=0.5),
    "tracked": Prediction(("base",), tracks="tracked"),
    "discs": Prediction(("base",), helmets=("discs",)),
    "points": Prediction(("base",), helmets=("points",)),
    "average": Prediction(("base", "again")),
    **{
        name: Prediction((name,))
        for name in ("base", "unmarked", "marked", "mined", "again", "flat")
    },
    EXACT: Prediction((), tracks="motion"),
}
ARMS = (
    Arm("motion of exact boxes over 9 frames (upper reference)", (EXACT,)),
    Arm("2D network of single frames", ("flat",)),
    Arm(BASE, ("base",)),
    Arm("centres of a helmet network with points", ("points",)),
    Arm("centres of a helmet network with discs", ("discs",)),
    Arm("1 window, no marker", ("unmarked",)),
    Arm("1 window, marker", ("marked",)),
    Arm("one view", ("base",), SearchSpace(keep_scores=(None,))),
    Arm(
        "two views",
        ("base",),
        SearchSpace(keep_scores=tuple(s for s in SearchSpace().keep_scores if s is not None)),
    ),
    Arm("suppression by `follow`", ("base",), SearchSpace(suppressions=("follow",))),
    Arm("suppression by `window`", ("base",), SearchSpace(suppressions=("window",))),
    Arm("hard negatives from epoch 4", ("mined",)),
    Arm("the base with another seed", ("again",)),
    Arm("average of these two networks", ("average",)),
    Arm("ensemble of their saved candidates", ("base", "again")),
    Arm("ensemble of the base and `1 window, marker`", ("base", "marked")),
    Arm("tracked helmets alone (weight 1)", ("tracked",)),
    Arm("tracked helmets mixed in (weight .5)", ("half",)),
)


def main() -> None:
    arguments = parse()
    print(describe())
    with tempfile.TemporaryDirectory() as temporary:
        run(arguments, Path(arguments.keep or temporary))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--plays", type=int, default=40, help="at least 10")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a play")
    parser.add_argument("--epochs", type=int, default=5, help="of the collision network")
    parser.add_argument("--keep", type=Path, help="a folder to keep and to continue")
    return parser.parse_args()


def run(arguments: argparse.Namespace, work: Path) -> None:
    started = time.monotonic()

    def say(text: str) -> None:
        minutes = (time.monotonic() - started) / 60
        print(f"[{minutes:4.1f} min] {text}", file=sys.stderr, flush=True)

    say("generating plays")
    cases = [case_of(seed, arguments, work) for seed in arguments.seeds]
    with ProcessPoolExecutor(SIDE_BY_SIDE, get_context("spawn"), silence) as pool:

        def each(work: Callable[..., Any], parts: Sequence[Any]) -> dict[tuple[int, Any], Any]:
            """What each part of each case gives; seeds alternate, so as not to share caches."""
            keys = [(case, part) for part in parts for case in cases]
            results = pool.map(work, *zip(*keys, strict=True))
            return {
                (case.seed, part): result
                for (case, part), result in zip(keys, results, strict=True)
            }

        say(f"training {len(TRAININGS)} networks for each of {len(cases)} seeds")
        seconds = each(train, tuple(TRAININGS))
        say("predicting")
        each(predict, tuple(PREDICTIONS))
        say("tuning and evaluating")
        figures = each(measure, ARMS)
    print(
        f"{arguments.plays} plays of {arguments.seconds:g} s, {arguments.epochs} epochs of the "
        "base; seconds are those of training on one thread, with validation and export"
    )
    of_seed = []
    for case in cases:
        rows = {CONTACTS: contacts(case), **{arm.title: figures[case.seed, arm] for arm in ARMS}}
        of_seed.append({title: row["metrics"]["f1"] for title, row in rows.items()})
        impacts = rows[BASE]["metrics"]["tp"] + rows[BASE]["metrics"]["fn"]
        plays = {split: len({row.group for row in case.rows(split)}) for split in ("valid", "test")}
        print(
            f"\nseed {case.seed}: tuned on {plays['valid']} plays; {plays['test']} test plays in "
            f"two views, {impacts} impacts\n"
        )
        print("| arm | F1 | 95 % | precision | recall | seconds |")
        print("|---|---|---|---|---|---|")
        trained = {
            arm.title: {
                network for name in arm.predictions for network in PREDICTIONS[name].trained
            }
            for arm in ARMS
        }
        for title, row in rows.items():
            metrics, interval = row["metrics"], row["intervals"]["f1"]
            cost = sum(seconds[case.seed, name] for name in trained.get(title, ()))
            name = f"{title}: {row['note']}" if "note" in row else title
            print(
                f"| {name} | {metrics['f1']:.3f} | {interval['low']:.3f} to "
                f"{interval['high']:.3f} | {metrics['precision']:.3f} | {metrics['recall']:.3f} | "
                f"{cost:.0f} |"
            )
    print(f"\n| arm | F1 of seeds {', '.join(map(str, arguments.seeds))} | mean, less the base |")
    print("|---|---|---|")
    for title in of_seed[0]:
        values = [rows[title] for rows in of_seed]
        difference = np.mean([rows[title] - rows[BASE] for rows in of_seed])
        print(f"| {title} | {', '.join(f'{value:.3f}' for value in values)} | {difference:+.3f} |")
    print(f"\n{(time.monotonic() - started) / 60:.0f} minutes in all")


def case_of(seed: int, arguments: argparse.Namespace, work: Path) -> Case:
    settings = (*PLAYS.settings, *SPLIT, f"seconds={arguments.seconds:g}")
    world = replace(PLAYS, count=arguments.plays, seed=seed, settings=settings)
    folder = work / f"{arguments.plays}x{arguments.seconds:g}-{arguments.epochs}" / f"seed-{seed}"
    case = Case(seed, arguments.epochs, world_manifest(world), folder)
    if len({row.group for row in case.rows("valid")}) < 2:
        sys.exit(f"--plays {arguments.plays}: leaves fewer than 2 to tune on; give 10 or more")
    return case


def train(case: Case, name: str) -> float:
    """Train a network, unless that was finished; the seconds that it took."""
    training, run = TRAININGS[name], case.folder / "runs" / name
    kept = run / "seconds.json"
    if kept.is_file():
        return float(json.loads(kept.read_text()))
    shutil.rmtree(run, ignore_errors=True)  # its seconds would be those of a part
    epochs = max(1, round(case.epochs * training.epochs))
    path = find_config(training.config)
    settings = (
        f"data.manifest={json.dumps(str(case.manifest))}",
        f"training.epochs={epochs}",
        f"training.seed={case.seed + training.seed}",
        "training.threads=1",
        *training.settings,
    )
    started = time.monotonic()
    match task_of(path):
        case "collisions":
            once = f"training.validate_every={epochs}"
            train_impact(load_impact_config(path, (*settings, once)), run, device="cpu")
        case "helmets":
            train_helmets(load_helmet_config(path, settings), run, device="cpu")
        case "tracks":
            train_tracked(load_tracked_config(path, settings), run, device="cpu")
    seconds = time.monotonic() - started
    kept.write_text(json.dumps(seconds))
    return seconds


def predict(case: Case, name: str) -> None:
    """Write the candidates of the validation and test plays, unless they were finished."""
    out, prediction = case.folder / "candidates" / name, PREDICTIONS[name]
    if out.is_dir():
        return
    unfinished = out.with_name(f"{name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    rows = case.rows("valid", "test")
    if name == EXACT:
        predict_exact(case, rows, unfinished)
    else:
        result = predict_plays(
            [case.bundle(network) for network in prediction.networks],
            plays_in(rows, case.manifest.parent),
            unfinished,
            PredictOptions(device="cpu", threads=1, tracks_weight=prediction.weight),
            helmets=[case.bundle(network) for network in prediction.helmets],
            tracks=None if prediction.tracks is None else case.bundle(prediction.tracks),
        )
        failed = [file for file in result.files if file.status != "ok"]
        if failed:
            raise RuntimeError(f"{failed[0].path}: {failed[0].status}: {failed[0].reason}")
    unfinished.rename(out)


def predict_exact(case: Case, rows: Sequence[ManifestRow], out: Path) -> None:
    """Candidates at all annotated boxes, scored by their motion alone; none overlaps another."""
    config = load_tracked_config(case.folder / "runs" / "motion" / "config.yaml")
    data = config.data.model_copy(update={"manifest": case.manifest, "cached": False})
    plan = config.plan
    backend = open_backend(load_bundle(case.bundle("motion")), device="cpu", threads=1)
    items, views = plays_in(rows, case.manifest.parent)
    labelled = load_videos(rows, data, need_impacts=False).videos
    decisions = ImpactDecisions(overlap=1.0)  # exact boxes overlap where helmets meet
    for item, view, video in zip(items, views, labelled, strict=True):
        with open_video(item.path) as opened:
            times, size = np.array(opened.times, np.float64), (opened.width, opened.height)
        held = np.flatnonzero(video.tracks >= 0)
        ids, points, boxes = video.tracks[held], video.points[held], video.boxes[held]
        filled = FilledTracks.of(ids, points, boxes)
        motion = motion_features(
            filled,
            np.searchsorted(filled.ids, ids),
            points,
            radius=plan.radius,
            neighbours=plan.neighbours,
        )
        write_candidates(
            Candidates(
                video=item.path.name,
                label=data.label,
                size=size,
                times=times,
                frames=video.grid.frames[points],
                boxes=(boxes * np.tile(np.divide(size, plan.size), 2)).astype(np.float32),
                helmet=np.ones(len(held), np.float32),
                impact=backend.run("tracks", motion)[:, 0],
                play=view.play,
                view=view.view,
                offset=view.offset,
                settings={"decisions": decisions.model_dump(mode="json")},
            ),
            output_path(item.target(out), CANDIDATES),
        )


def measure(case: Case, arm: Arm) -> Figures:
    """Tune on the validation plays, decide and evaluate on the test plays.

    If no decisions find an impact in the validation plays, the arm gets F1 0 and a note.
    """
    name = "".join(letter if letter.isalnum() else "-" for letter in arm.title)
    out = case.folder / "arms" / name
    kept = out / "figures.json"
    if kept.is_file():
        figures: Figures = json.loads(kept.read_text())
        return figures
    shutil.rmtree(out, ignore_errors=True)
    folders = [case.folder / "candidates" / prediction for prediction in arm.predictions]
    candidates = folders[0]
    if len(folders) > 1:
        candidates = out / "ensemble"
        ensemble_folders(folders, candidates)
    valid = read_impacts(case.manifest, split="valid")
    out.mkdir(parents=True, exist_ok=True)
    test = read_impacts(case.manifest, split="test")
    try:
        tuned = tune_truth(candidates, valid, out / "decisions.yaml", space=arm.space)
    except LabelError as error:
        if "no decisions find any impact" not in str(error):
            raise
        figures = {**figures_of(test, []), "note": "found none"}
    else:
        decide_again(candidates, out / "decided", decisions=tuned.decisions)
        figures = evaluate_truth(test, out / "decided", intervals=True).to_json()
    kept.write_text(json.dumps(figures))
    return figures


def contacts(case: Case) -> Figures:
    """The reference of the demo, with intervals: helmets in contact wherever boxes overlap most."""
    label = load_impact_config(find_config("collisions-demo")).data.label

    def guesses(rows: Sequence[ManifestRow]) -> list[VideoEvents]:
        events = []
        for row in rows:
            with open_video(row.video) as video:
                tracks = labels_of_row(row, video, label=label)[1]
                name = row.video.as_posix()
                guess = guessed_contacts(name, tracks, video.times, label=label, view=row.view)
                events.append(guess)
        return events

    valid, test = case.rows("valid"), case.rows("test")
    threshold = best_threshold(truth_of(valid).videos, guesses(valid))
    chosen = [
        replace(video, events=tuple(event for event in video.events if event.score >= threshold))
        for video in guesses(test)
    ]
    return figures_of(truth_of(test), chosen)


def figures_of(truth: Truth, predictions: Sequence[VideoEvents]) -> Figures:
    """F1 with intervals; all impacts of a video without predictions are missed."""
    result = box_event_f1(truth.videos, predictions, scored=is_scored)
    return ImpactEvaluation(result, box_event_intervals(result, truth.groups)).to_json()


if __name__ == "__main__":
    main()
