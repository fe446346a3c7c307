"""How far do someone's own videos get in five minutes on two cores, by one command each?

Runs `playhead spotting init`, `train`, `predict`, `evaluate` and `report` as a user does, on two
real sets; no setting is chosen by hand:

- quva: 26 clips of repeated actions of QUVA Repetition train, the other 26 are the test, drawn by a
  printed seed. Events are dense: the end of each repetition. Beside the model: events at random
  times, as many as there are, and events at the median distance of the training clips.
- urfd: 20 falls and 30 activities of UR Fall Detection (side camera) train, 10 and 10 are the test,
  drawn by the same seed. Events stand alone. Beside the model: the packaged configuration `falls`,
  trained on the same clips, and events at random times.

Processor time is that of all commands together. On a machine that other work uses too it tells more
than wall time: with one thread, commands that need under five minutes of it end within five minutes
on free cores.

    playhead weights get mobilenet-v2
    PLAYHEAD_DATA=data python benchmarks/own_videos.py [--only quva] [--work FOLDER] [--threads 1]
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import data_folder, describe
from falls_data import Recording, read_recordings, rows_of
from playhead.events.manifest import ManifestRow, read_manifest, write_manifest
from playhead.events.model import Event, VideoEvents
from playhead.media import open_video
from playhead.metrics.frame_map import frame_map
from playhead.metrics.soccernet_map import map_at
from playhead.spotting.evaluate import pair_events
from playhead.spotting.truth import read_predictions, read_truth

SPLIT_SEED = 0
CHANCE_SEEDS = 20
TOLERANCES = (1, 2, 4, 5)
BAR_MINUTES = 5.0

Videos = Sequence[VideoEvents]


def main() -> None:
    parser = argparse.ArgumentParser(description="Spotting on real videos within five minutes.")
    parser.add_argument("--only", choices=("quva", "urfd"))
    parser.add_argument("--work", type=Path, help="keep everything made in this new folder")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    print(f"{describe('torch', 'timm', 'openvino', 'numpy', 'av')}; {given.threads} thread(s)")
    print(f"load {os.getloadavg()[1]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="own-videos-") as temporary:
        work = given.work or Path(temporary)
        for name, measure in (("quva", quva), ("urfd", urfd)):
            if given.only in (None, name):
                measure(work / name, given.threads)


def quva(work: Path, threads: int) -> None:
    """Dense events: the ends of repetitions, in clips of many activities."""
    data = data_folder("quva_repetition")
    clips = [row["path"] for row in rows_of(data / "clips.csv")]
    order = np.random.default_rng(SPLIT_SEED).permutation(len(clips))
    labels: dict[str, list[int]] = {clip: [] for clip in clips}
    for row in rows_of(data / "events.csv"):
        labels[row["path"]].append(int(row["frame"]))
    sides = {"test": sorted(order[:26].tolist()), "train": sorted(order[26:].tolist())}
    for side, numbers in sides.items():
        chosen = [clips[number] for number in numbers]
        copy(work / side, [data / clip for clip in chosen], [labels[clip] for clip in chosen])
    print(f"\nquva: 26 clips train, 26 test, drawn by seed {SPLIT_SEED}")
    from_init_to_report(work, threads, "repetition")
    truth, found = test_of(work, work / "predictions")
    training = read_truth(manifest_of(work / "train"))
    gaps = [np.diff([event.start for event in video.events]) for video in training]
    tempo = float(np.median(np.concatenate(gaps)))
    seen = {activity(video.video) for video in training}
    new = [video for video in truth if activity(video.video) not in seen]
    for scope, some in (("all test clips", truth), ("activities without a training clip", new)):
        names = {video.video for video in some}
        print(f"{scope}: {len(some)} clips, {sum(len(v.events) for v in some)} events")
        print_row("model", some, [video for video in found if video.video in names])
        print_mean("events at random times", some, partial(random_events, some))
        print_mean(f"events every {tempo:.2f} s", some, partial(spaced, some, tempo))


def urfd(work: Path, threads: int) -> None:
    """Events that stand alone: the onset of lying after a fall."""
    clips = [one for one in read_recordings(data_folder("urfd")) if one.camera == "cam0"]
    clips.sort(key=attrgetter("name"))
    test = held_out(clips)
    for side in ("train", "test"):
        some = [clip for clip in clips if (clip.name in test) == (side == "test")]
        events = [[] if clip.lying is None else [clip.lying] for clip in some]
        copy(work / side, [clip.file for clip in some], events)
    print(f"\nurfd: 50 clips train (20 falls), 20 test (10 falls), drawn by seed {SPLIT_SEED}")
    from_init_to_report(work, threads, "lying")
    truth, found = test_of(work, work / "predictions")
    settings = (
        *("--set", f"data.manifest={work / 'my' / 'manifest.csv'}"),
        *("--set", f"data.videos={work / 'train'}"),
        *("--set", f"data.classes=[{LABEL}]"),
        *("--set", f"training.threads={threads}"),
    )
    spent = [playhead("train", "falls", *settings, "--out", work / "falls")]
    out = work / "falls predictions"
    spent.append(playhead("predict", work / "falls" / "bundle", work / "test", "--out", out))
    print(f"the packaged configuration falls on the same clips: {total(spent)}")
    print(f"all test clips: {len(truth)} clips, {sum(len(v.events) for v in truth)} events")
    print_row("model", truth, found)
    print_row("falls", *test_of(work, out))
    print_mean("events at random times", truth, partial(random_events, truth))


def held_out(recordings: Sequence[Recording]) -> set[str]:
    """The names of 10 falls and 10 activities, 4 of them with lying down on purpose."""
    names: set[str] = set()
    for number, (kind, count) in enumerate({"fall": 10, "hard": 4, "plain": 6}.items()):
        same = [one.name for one in recordings if one.kind == kind]
        order = np.random.default_rng([SPLIT_SEED, number]).permutation(len(same))
        names |= {same[at] for at in order[:count]}
    return names


LABEL = "event"
"""The class of the labels, which have no name of their own in these sets."""


def copy(folder: Path, videos: Sequence[Path], frames: Sequence[Sequence[int]]) -> None:
    """A folder of videos as someone has it, and beside it a table of their labels by frame."""
    folder.mkdir(parents=True)
    lines = ["video,label,frame"]
    for video, events in zip(videos, frames, strict=True):
        shutil.copyfile(video, folder / video.name)
        lines += [f"{video.name},{LABEL},{frame}" for frame in events] or [f"{video.name},,"]
    folder.with_suffix(".csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def manifest_of(folder: Path) -> Path:
    """A manifest of a folder of videos and their table, to read its labels on exact frames."""
    manifest = folder.parent / f"{folder.name} manifest.csv"
    rows = [
        ManifestRow(video, folder.with_suffix(".csv"), split=folder.name)
        for video in sorted(folder.iterdir())
    ]
    write_manifest(rows, manifest)
    return manifest


def from_init_to_report(work: Path, threads: int, what: str) -> None:
    """Run the commands of a user, and print what each costs and the whole against the bar."""
    train, test, my = work / "train", work / "test", work / "my"
    manifest, out = manifest_of(test), work / "predictions"
    spent = [
        playhead("init", train, train.with_suffix(".csv"), "--out", my, show=True),
        playhead(
            "train",
            my / "config.yaml",
            "--set",
            f"training.threads={threads}",
            "--out",
            my / "run",
            show=True,
        ),
        playhead("predict", my / "run" / "bundle", test, "--out", out, "--threads", threads),
        playhead("evaluate", "--truth", manifest, "--predictions", out, show=True),
        playhead(
            "report",
            "--truth",
            manifest,
            "--predictions",
            out,
            "--run",
            my / "run",
            "--out",
            work / "report.html",
        ),
    ]
    rows = read_manifest(my / "manifest.csv", videos=train)
    splits = [row.split or "unused" for row in rows]
    print(f"init's split: {', '.join(f'{splits.count(s)} {s}' for s in sorted(set(splits)))}")
    for name, (wall, processor) in zip(
        ("init", "train", "predict", "evaluate", "report"), spent, strict=True
    ):
        print(f"  {name:<8} {wall:6.1f} s wall, {processor:6.1f} s processor")
    print(f"from init to report ({what}): {total(spent)}; bar {BAR_MINUTES:.0f} minutes")


def playhead(*arguments: object, show: bool = False) -> tuple[float, float]:
    """Run `playhead spotting ...`; seconds of wall and of processor time."""
    begin, used = time.perf_counter(), children()
    command = [sys.executable, "-m", "playhead", "spotting", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}")
    if show:
        print(re.sub(r"/\S*/", "", done.stdout), end="", flush=True)
    return time.perf_counter() - begin, children() - used


def children() -> float:
    """Processor seconds of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def total(spent: Sequence[tuple[float, float]]) -> str:
    wall, processor = (sum(values) / 60 for values in zip(*spent, strict=True))
    return f"{wall:.1f} minutes of wall time, {processor:.1f} of processor time"


def test_of(work: Path, predictions: Path) -> tuple[list[VideoEvents], list[VideoEvents]]:
    """Truth and predictions of the test clips."""
    return pair_events(read_truth(manifest_of(work / "test")), read_predictions(predictions))


def activity(video: str) -> str:
    """`044_snow.mp4` → `snow`."""
    return Path(video).stem.split("_", 1)[1]


def print_row(name: str, truth: Videos, found: Videos) -> None:
    """Print the average precision of events at each tolerance."""
    print_values(name, precisions(truth, found))


def print_mean(
    name: str, truth: Videos, draw: Callable[[np.random.Generator], list[VideoEvents]]
) -> None:
    """The same, as the mean of several draws."""
    draws = [precisions(truth, draw(np.random.default_rng(seed))) for seed in range(CHANCE_SEEDS)]
    print_values(name, np.mean(draws, axis=0))


def precisions(truth: Videos, found: Videos) -> NDArray[np.float64]:
    """AP within each of TOLERANCES frames, then SoccerNet's within half a second."""
    frames = frame_map(truth, found, tolerances=list(TOLERANCES), rate=25)
    return np.array([*(frames.map_at(k) for k in TOLERANCES), map_at(truth, found, 1.0, rate=25)])


def print_values(name: str, values: NDArray[np.float64]) -> None:
    shown = ", ".join(f"+-{k} {v:.3f}" for k, v in zip(TOLERANCES, values[:-1], strict=True))
    print(f"  {name:<24} AP by frames: {shown}; mAP@1 {values[-1]:.3f}", flush=True)


def random_events(truth: Videos, rng: np.random.Generator) -> list[VideoEvents]:
    """As many events as each video has, at random frames with random scores; at least one."""
    return [
        at_frames(video, rng.choice(len(times), max(len(video.events), 1), replace=False), rng)
        for video, times in ((video, times_of(video)) for video in truth)
    ]


def spaced(truth: Videos, tempo: float, rng: np.random.Generator) -> list[VideoEvents]:
    """Events every `tempo` seconds, from a random beginning, with random scores."""
    found = []
    for video in truth:
        times = times_of(video)
        moments = np.arange(rng.uniform(0, tempo), times[-1], tempo)
        found.append(at_frames(video, np.searchsorted(times, moments).clip(0, len(times) - 1), rng))
    return found


def at_frames(
    video: VideoEvents, frames: NDArray[np.int64], rng: np.random.Generator
) -> VideoEvents:
    times = times_of(video)
    events = tuple(
        Event(label=LABEL, start=float(times[k]), frame=int(k), score=float(rng.uniform()))
        for k in np.unique(frames)
    )
    return replace(video, events=events)


def times_of(video: VideoEvents) -> NDArray[np.float64]:
    if video.video not in KNOWN:
        with open_video(video.video) as opened:
            KNOWN[video.video] = opened.times
    return KNOWN[video.video]


KNOWN: dict[str, NDArray[np.float64]] = {}


if __name__ == "__main__":
    main()
