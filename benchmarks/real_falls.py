"""Does spotting work on real footage, through the commands that a user has?

Trains on 20 falls and 30 daily activities of UR Fall Detection (side camera, 320x240, 30 fps),
spots the onset of lying in the other 10 falls and counts false alarms on the other 10 activities.
Whole recordings are held out by a seeded draw that is printed, not people or rooms: all falls are
in one room and no activity is, so a model may learn the room; within the falls that is no help.
Nothing is chosen by looking at the held-out recordings.

    playhead weights get spotting
    PLAYHEAD_DATA=data python benchmarks/real_falls.py [--work falls] [--threads 1] [--set K=V]
"""

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from environment import describe
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import Event, VideoEvents
from playhead.files import write_text
from playhead.metrics.bootstrap import bootstrap_interval
from playhead.metrics.curves import best_f1
from playhead.metrics.frame_map import frame_map
from playhead.metrics.soccernet_map import map_at
from playhead.spotting.config import load_spotting_config
from playhead.spotting.evaluate import pair_events
from playhead.spotting.truth import read_predictions, read_truth

CLASS = "lying"
RATE = 30
REACHES = (5, 10, 15)
SPLIT_SEED = 0
HELD_OUT = {"fall": 10, "hard": 4, "plain": 6}
VALIDATE = {"fall": 4, "hard": 2, "plain": 4}


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of the side camera.

    kind: `fall`, `hard` (someone lies down on purpose) or `plain`; lying: the first frame of lying
    down after a fall, None in an activity; split: `train`, `valid` or `test`.
    """

    name: str
    file: Path
    frames: int
    kind: str
    lying: int | None
    split: str


Videos = Sequence[VideoEvents]


def main() -> None:
    given = arguments()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="falls-") as temporary:
        work = given.work or Path(temporary)
        clips = draw_clips(data_folder(), given.split_seed)
        manifest = prepare(clips, work)
        print_setup(clips, given)
        trained = train(manifest, work / "run", given)
        truth, found = predict(manifest, work, given)
        print_figures(truth, found, clips, threshold_of(manifest, work / "run" / "scores"))
    minutes = (time.perf_counter() - begin) / 60
    print(f"wall time: {minutes:.1f} minutes in all, {trained / 60:.1f} of them training")
    print(f"processor time: {processor_minutes():.1f} minutes, load {os.getloadavg()[1]:.1f}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Spot the onset of lying in real falls.")
    parser.add_argument("--work", type=Path, help="keep everything made in this new folder")
    # On a busy machine a second thread of torch costs more than it gives.
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--split-seed", type=int, default=SPLIT_SEED)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    return parser.parse_args()


def data_folder() -> Path:
    """The folder of UR Fall Detection in the one that PLAYHEAD_DATA names."""
    named = os.environ.get("PLAYHEAD_DATA")
    if not named or not (Path(named) / "urfd" / "clips.csv").is_file():
        sys.exit("set PLAYHEAD_DATA to the folder that holds urfd/clips.csv")
    return Path(named) / "urfd"


def draw_clips(data: Path, seed: int) -> list[Clip]:
    """Every recording of the side camera, drawn into train, valid and test.

    Of the falls, the activities with lying down on purpose and the others, each shuffled by
    default_rng([seed, kind]), the first go to test and the next to valid: 20 + 30 remain for both
    train and valid.
    """
    onsets = {row["path"]: int(row["lying_start_frame"]) for row in rows_of(data / "events.csv")}
    rows = [row for row in rows_of(data / "clips.csv") if row["camera"] == "cam0"]
    clips = []
    for number, kind in enumerate(HELD_OUT):
        same = [row for row in rows if kind_of(row) == kind]
        order = np.random.default_rng([seed, number]).permutation(len(same))
        for place, at in enumerate(order):
            row = same[at]
            clip = Clip(
                name=row["sequence"],
                file=data / row["path"],
                frames=int(row["frames"]),
                kind=kind,
                lying=onsets.get(row["path"]),
                split=split_at(place, kind),
            )
            clips.append(clip)
    return sorted(clips, key=lambda clip: clip.name)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kind_of(row: dict[str, str]) -> str:
    if row["kind"] == "fall":
        return "fall"
    return "hard" if int(row["n_label_1"]) else "plain"


def split_at(place: int, kind: str) -> str:
    if place < HELD_OUT[kind]:
        return "test"
    return "valid" if place < HELD_OUT[kind] + VALIDATE[kind] else "train"


def prepare(clips: Sequence[Clip], work: Path) -> Path:
    """Write what a user would have: the clips, a CSV of labels each, a manifest with splits.

    The videos are copied, since a manifest stands above its files. Returns the manifest's path.
    """
    folder = work / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for clip in clips:
        video, labels = folder / f"{clip.name}.mp4", folder / f"{clip.name}.csv"
        shutil.copyfile(clip.file, video)
        event = (
            f"{clip.name}.mp4,{CLASS},{clip.lying}" if clip.kind == "fall" else video.name + ",,"
        )
        write_text(labels, f"video,label,frame\n{event}\n")
        rows.append(ManifestRow(video=video, labels=labels, group=clip.name, split=clip.split))
    manifest = work / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def print_setup(clips: Sequence[Clip], given: argparse.Namespace) -> None:
    """The machine and versions, and who is in which part."""
    print(f"{describe('torch', 'timm', 'openvino', 'numpy', 'av')}; {given.threads} thread(s)")
    for split in ("train", "valid", "test"):
        parts = [clip for clip in clips if clip.split == split]
        counts = [sum(clip.kind == kind for clip in parts) for kind in HELD_OUT]
        print(
            f"{split}: {counts[0]} falls, {counts[1]} activities with lying down on purpose, "
            f"{counts[2]} others, {sum(clip.frames for clip in parts) / RATE:.0f} s"
        )
    print(f"held out by seed {given.split_seed}: {', '.join(names(clips, 'test'))}", flush=True)


def names(clips: Sequence[Clip], split: str) -> list[str]:
    return [clip.name for clip in clips if clip.split == split]


def processor_minutes() -> float:
    """Of this process and the commands it ran: what other work on the machine hardly changes."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used) / 60


def train(manifest: Path, run: Path, given: argparse.Namespace) -> float:
    """Train as a user does; seconds of training."""
    settings = [f"data.manifest={manifest}", f"training.threads={given.threads}", *given.settings]
    options = [part for setting in settings for part in ("--set", setting)]
    document = json.loads(playhead("train", "falls", *options, "--out", run, "--json"))
    config = load_spotting_config(run / "config.yaml")
    windows = config.training.epochs * config.samples_per_epoch
    print(
        f"trained: {config.model.encoder} from {config.model.weights}, {windows} windows of "
        f"{config.data.size[0]}x{config.data.size[1]}, seed {config.training.seed}, weights of "
        f"epoch {document['best_epoch']}; mAP@1 on the validation recordings "
        f"{document['metrics']['map@1']:.3f}",
        flush=True,
    )
    return float(document["seconds"])


def predict(manifest: Path, work: Path, given: argparse.Namespace) -> tuple[Videos, Videos]:
    """Predict and evaluate the held-out recordings as a user does; truth and predictions."""
    truth = read_truth(manifest, split="test")
    out = work / "predictions"
    playhead(
        "predict",
        work / "run" / "bundle",
        *(one.video for one in truth),
        *("--out", out, "--threads", given.threads),
    )
    print(playhead("evaluate", "--truth", manifest, "--split", "test", "--predictions", out))
    return pair_events(truth, read_predictions(out))


def playhead(*arguments: object) -> str:
    """Run `playhead spotting ...`; what it prints. Its progress and its errors are shown."""
    command = [sys.executable, "-m", "playhead", "spotting", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def threshold_of(manifest: Path, scores: Path) -> float:
    """Half-way between the threshold of the best F1 on the validation recordings (hits within the
    widest reach) and the next lower prediction, which it has to keep out.
    """
    truth, found = pair_events(read_truth(manifest, split="valid"), read_predictions(scores))
    best = best_f1(truth, found, tolerance=width(REACHES[-1])).overall
    if best.threshold is None:
        sys.exit("the model found nothing in the validation recordings: no threshold to choose")
    lower = [e.score for one in found for e in one.events if e.score < best.threshold]
    threshold = (best.threshold + max(lower, default=0.0)) / 2
    print(
        f"threshold, half-way below that of the best F1 on the validation recordings at "
        f"+-{REACHES[-1]} frames: {threshold:.2f} (F1 there {best.f1:.2f})"
    )
    return threshold


def width(reach: int) -> float:
    """The hit window of a reach in frames, in seconds, ends counted in.

    Half a frame wider: |Δt| ≤ width / 2 must not hang on the last digit of times.
    """
    return (2 * reach + 0.5) / RATE


def print_figures(truth: Videos, found: Videos, clips: Sequence[Clip], threshold: float) -> None:
    print_precision("all 20 held-out recordings", truth, found, clips)
    falls = [one for one in truth if one.events]
    inside = {one.video for one in falls}
    print_precision("the 10 falls alone", falls, [f for f in found if f.video in inside], clips)
    print()
    for limit in sorted({threshold, 0.5}):
        print_alarms(truth, found, {clip.name: clip.kind for clip in clips}, limit)
    print_errors(truth, found)


def print_precision(where: str, truth: Videos, found: Videos, clips: Sequence[Clip]) -> None:
    """AP at each reach with its interval, and beside it what no model reaches."""
    print(f"\nAP of the onset of lying on {where}, 95 % by bootstrap over them:")
    inside = {Path(one.video).stem for one in truth}
    for reach in REACHES:
        measured = partial(precision, reach=reach)
        interval = bootstrap_interval(measured, truth, found, seed=0)
        soccernet = map_at(truth, found, width(reach), rate=RATE)
        guess = measured(*guessed(clips, inside))
        print(
            f"  +-{reach:2d} frames: {interval}  (SoccerNet's 11-point AP {soccernet:.3f}; "
            f"one guess a clip by its length {guess:.3f})"
        )


def precision(truth: Videos, found: Videos, reach: int) -> float:
    """Average precision of the one class within so many frames."""
    return frame_map(truth, found, tolerances=[reach], rate=RATE).map_at(reach)


def guessed(clips: Sequence[Clip], inside: set[str]) -> tuple[Videos, Videos]:
    """Truth, and what can be said without looking: in every clip one guess, as far from its end as
    the training falls' median; a shorter clip is likelier a fall.
    """
    training = [c.frames - c.lying for c in clips if c.lying is not None and c.split != "test"]
    left = int(np.median(training))
    truth, found = [], []
    for clip in (clip for clip in clips if clip.name in inside):
        real = () if clip.lying is None else (at_frame(clip.lying),)
        truth.append(VideoEvents(video=clip.name, classes=(CLASS,), events=real))
        made = (at_frame(max(0, clip.frames - left), 1 / clip.frames),)
        found.append(VideoEvents(video=clip.name, classes=(CLASS,), events=made))
    return truth, found


def at_frame(frame: int, score: float = 1.0) -> Event:
    return Event(label=CLASS, start=frame / RATE, frame=frame, score=score)


def print_alarms(truth: Videos, found: Videos, kinds: dict[str, str], limit: float) -> None:
    """Hits, misses and false alarms of predictions that score at least `limit`."""
    reach = REACHES[-1]
    kept = {one.video: [e for e in one.events if e.score >= limit] for one in found}
    alarms = dict.fromkeys(HELD_OUT, 0)
    hits = 0
    for one in truth:
        made = kept.get(one.video, [])
        onsets = [frame_of(event) for event in one.events]
        hit = any(abs(frame_of(e) - at) <= reach for e in made for at in onsets)
        hits += hit
        alarms[kinds[Path(one.video).stem]] += len(made) - hit
    falls = sum(len(one.events) for one in truth)
    low, high = binomtest(hits, falls).proportion_ci(0.95, "exact")
    print(
        f"at threshold {limit:.2f} and +-{reach} frames: {hits} of {falls} falls found (a share of "
        f"{low:.2f} to {high:.2f}, 95 % exact binomial); false alarms: "
        f"{alarms['hard'] + alarms['plain']} on the 10 activities ({alarms['hard']} on the "
        f"{HELD_OUT['hard']} with lying down on purpose), {alarms['fall']} in the falls"
    )


def frame_of(event: Event) -> int:
    return round(event.start * RATE) if event.frame is None else event.frame


def print_errors(truth: Videos, found: Videos) -> None:
    """How far the highest peak of each fall lies from its onset, in frames, later ones positive."""
    made = {one.video: one.events for one in found}
    errors = []
    for one in truth:
        best = max(made.get(one.video, ()), key=lambda event: event.score, default=None)
        errors += [frame_of(best) - frame_of(at) for at in one.events if best is not None]
    told = ", ".join(f"{error:+d}" for error in sorted(errors))
    missing = sum(len(one.events) for one in truth) - len(errors)
    print(f"highest peak of each fall, frames from the onset: {told}; none in {missing} falls")
    if errors:
        print(f"median distance: {np.median(np.abs(errors)):.1f} frames")


if __name__ == "__main__":
    main()
