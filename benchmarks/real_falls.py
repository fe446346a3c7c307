"""Does spotting find real falls, and what is left when the room says nothing?

All 30 falls and 40 daily activities of UR Fall Detection (320x240, 30 fps) in six folds of whole
sequences, so that a model that never saw the sequence spots the onset of lying in every fall. In
each fold five sixths of the data train and validate (four and one). Arms:

- side: trained on the side camera
- both: trained on both cameras; tested on each view, and on both, the scores of which
  `playhead spotting ensemble` averages
- room: trained on parts of the falls from the side, with the fall and from before it. Falls and
  activities were filmed in different rooms: a model of the other arms may know an activity by its
  room, one of this arm saw one room only.

A threshold is chosen for each fold on its validation clips, as are the decisions by `train`. What
is finished in --work is not repeated. Two trainings of one thread each run side by side.

    playhead weights get spotting
    PLAYHEAD_DATA=data python benchmarks/real_falls.py [--work falls] [--seeds 1 2 3] [--set K=V]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from environment import data_folder, describe, silence
from falls_data import (
    FOLDS,
    KINDS,
    RATE,
    Arm,
    Clip,
    Recording,
    Split,
    folds_of,
    of_arm,
    read_recordings,
    split_of,
    write_clips,
    write_split,
)
from falls_figures import Tested, Videos, average_precision, print_tables, threshold_of
from playhead.events.model import VideoEvents
from playhead.inference.scores import read_scores
from playhead.spotting.config import find_config, load_spotting_config
from playhead.spotting.predict import PredictOptions, predict_videos, ranked_peaks
from playhead.spotting.train import train_spotting
from playhead.spotting.truth import SCORES

SIDE_BY_SIDE = 2
SETTINGS = ("samples_per_epoch=200", "training.validate_every=4", "training.threads=1")
ARMS: tuple[Arm, ...] = ("side", "both", "room")
VIEWS_OF_FALLS = ("side", "above")


@dataclass(frozen=True, slots=True)
class Run:
    """A training, of one arm with one seed, that holds out one fold."""

    arm: Arm
    seed: int
    fold: int
    work: Path
    settings: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.work / "runs" / f"{self.arm}-{self.seed}-{self.fold}"

    def clips(self, split: Split, clips: Sequence[Clip], folds: Mapping[str, int]) -> list[Clip]:
        """Those of a split of its fold."""
        return [clip for clip in clips if split_of(folds[clip.group], self.fold) == split]


@dataclass(frozen=True, slots=True)
class View:
    """A row of the tables: an arm tested on clips of these folders.

    valid: the folders of the validation clips that a threshold is chosen on
    fused: scores of the falls are the mean of both views
    """

    title: str
    arm: Arm
    homes: tuple[str, ...]
    valid: tuple[str, ...]
    fused: bool = False


WHOLE = ("side/", "activities/")
ABOVE = ("above/", "activities/")
VIEWS = (
    View("side", "side", WHOLE, WHOLE),
    View("side, tested from above", "side", ABOVE, WHOLE),
    View("both, tested from the side", "both", WHOLE, WHOLE),
    View("both, tested from above", "both", ABOVE, ABOVE),
    View("both, fused", "both", WHOLE, WHOLE, fused=True),
    View("room", "room", ("room/",), ("room/",)),
    View("room, on activities elsewhere", "room", ("room/fall-", "activities/"), ("room/",)),
)


def main() -> None:
    given = arguments()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="falls-") as temporary:
        work = (given.work or Path(temporary)).resolve()
        recordings = read_recordings(data_folder("urfd"))
        folds = folds_of(recordings)
        clips = write_clips(recordings, work / "clips")
        settings = (*SETTINGS, *given.settings)
        print(describe("torch", "timm", "openvino", "numpy", "av"))
        print(f"settings over the configuration `falls`: {' '.join(settings)}")
        print_data(recordings, folds, clips)
        runs = [
            Run(arm, seed, fold, work, settings)
            for seed in given.seeds
            for arm in given.arms
            for fold in given.folds
        ]
        with ProcessPoolExecutor(SIDE_BY_SIDE, get_context("spawn"), silence) as pool:
            for line in pool.map(run_fold, runs, [clips] * len(runs), [folds] * len(runs)):
                print(line, flush=True)
        if len(given.folds) == FOLDS:
            print_figures(runs, clips, folds)
    print(f"\nwall time of this call: {(time.perf_counter() - begin) / 60:.1f} minutes")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, help="a folder to keep and to continue")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument(
        "--folds", type=int, nargs="+", default=range(FOLDS), help="only train, if not all"
    )
    parser.add_argument("--set", action="append", default=[], dest="settings")
    return parser.parse_args()


def print_data(
    recordings: Sequence[Recording], folds: Mapping[str, int], clips: Sequence[Clip]
) -> None:
    """What is in each fold, and what the arm `room` has."""
    for fold in range(FOLDS):
        inside = [one for one in recordings if one.camera == "cam0" and folds[one.name] == fold]
        counts = [sum(one.kind == kind for one in inside) for kind in KINDS]
        print(
            f"fold {fold}: {counts[0]} falls, {counts[1]} activities with lying down on purpose, "
            f"{counts[2]} others: {', '.join(one.name for one in inside)}"
        )
    parts = of_arm(clips, "room")
    before = [clip.frames for clip in parts if clip.lying is None]
    print(
        f"room: {len(parts) - len(before)} clips with a fall, and from before one {len(before)} "
        f"of {min(before)} to {max(before)} frames, {sum(before) / RATE:.0f} s",
        flush=True,
    )


def run_fold(run: Run, clips: Sequence[Clip], folds: Mapping[str, int]) -> str:
    """Train without a fold, predict it, fuse the views; a line about the validation clips."""
    done = run.folder / "done.json"
    if not done.is_file():
        begin = time.perf_counter()
        shutil.rmtree(run.folder, ignore_errors=True)
        manifest = run.work / f"{run.arm}-{run.fold}.csv"  # above its files
        write_split(of_arm(clips, run.arm), folds, run.fold, run.work / "clips", manifest)
        places = (f"data.manifest={json.dumps(str(manifest))}", f"training.seed={run.seed}")
        config = load_spotting_config(find_config("falls"), (*places, *run.settings))
        result = train_spotting(config, run.folder / "run", device="cpu")
        homes = {home for view in VIEWS if view.arm == run.arm for home in view.homes}
        videos = [
            run.work / "clips" / f"{clip.path}.mp4"
            for clip in run.clips("test", clips, folds)
            if clip.path.startswith(tuple(homes))
        ]
        options = PredictOptions(device="cpu", threads=1)
        root = run.work / "clips"
        predict_videos(result.bundle, videos, run.folder / "test", options, root=root)
        if run.arm == "both":
            fuse(run.folder / "test")
            fuse(run.folder / "run" / "scores")
        trained = round(result.fitted.seconds), round(time.perf_counter() - begin)
        done.write_text(json.dumps(trained), encoding="utf-8")
    training, whole = json.loads(done.read_text(encoding="utf-8"))
    told = []
    for view in VIEWS:
        if view.arm == run.arm and view.valid == view.homes:
            truth, found = validation(run, view, clips, folds)
            ap = average_precision(truth, found)
            threshold, f1 = threshold_of(truth, found)
            values = ", ".join(f"{value:.3f}" for value in ap)
            told.append(f"{view.title}: AP {values}, F1 {f1:.3f} at {threshold:.2f}")
    return (
        f"{run.arm}, seed {run.seed}, fold {run.fold} held out: {training} s of training, {whole} "
        f"s in all; validation {'; '.join(told)}"
    )


def fuse(scores: Path) -> None:
    """Average the scores of both views of the falls into the folder `fused`, as a user does."""
    command = [sys.executable, "-m", "playhead", "spotting", "ensemble"]
    folders = [str(scores / view) for view in VIEWS_OF_FALLS]
    subprocess.run(
        [*command, *folders, "--out", str(scores / "fused")], check=True, stdout=subprocess.DEVNULL
    )


def predictions(scores: Path, view: View, clips: Sequence[Clip]) -> list[VideoEvents]:
    """All peaks of the saved scores of each clip, as AP ranks them."""
    found = []
    for clip in clips:
        fused = view.fused and clip.lying is not None
        path = f"fused/{clip.group}" if fused else clip.path
        peaks = ranked_peaks(read_scores(scores / f"{path}{SCORES}"))
        found.append(replace(peaks, video=clip.path))
    return found


def validation(
    run: Run, view: View, clips: Sequence[Clip], folds: Mapping[str, int]
) -> tuple[Videos, Videos]:
    """Truth and predictions of the validation clips that give a view its threshold."""
    chosen = [one for one in run.clips("valid", clips, folds) if one.path.startswith(view.valid)]
    found = predictions(run.folder / "run" / "scores", view, chosen)
    return [clip.truth for clip in chosen], found


def held_out(
    runs: Sequence[Run], view: View, clips: Sequence[Clip], folds: Mapping[str, int]
) -> list[Tested]:
    """The clips of a view, each predicted by the run that never saw its sequence."""
    tested = []
    for run in runs:
        threshold, _ = threshold_of(*validation(run, view, clips, folds))
        test = run.clips("test", clips, folds)
        chosen = [clip for clip in test if clip.path.startswith(view.homes)]
        found = predictions(run.folder / "test", view, chosen)
        tested += [
            Tested(clip, events, threshold) for clip, events in zip(chosen, found, strict=True)
        ]
    return tested


def print_figures(runs: Sequence[Run], clips: Sequence[Clip], folds: Mapping[str, int]) -> None:
    """The tables of every view, over all folds."""
    seeds = sorted({run.seed for run in runs})
    arms = {run.arm for run in runs}
    rows = {
        view.title: [
            held_out([r for r in runs if (r.arm, r.seed) == (view.arm, seed)], view, clips, folds)
            for seed in seeds
        ]
        for view in VIEWS
        if view.arm in arms
    }
    print_tables(rows, seeds, folds)


if __name__ == "__main__":
    main()
