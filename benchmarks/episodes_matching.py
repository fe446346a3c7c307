"""Openings and endings of generated seasons: found, missed, invented, and how far off they are.

Playhead's matcher beside the rule of a well-known media-server plug-in on the same fingerprints: of
each pair the longest run of words that differ in at most 6 of 32 bits, gaps up to 3.5 s bridged, at
least 15 s long. Seasons of fixed seeds, six episodes of six minutes each, their sound through the
codecs of the world; none of the seeds was used for tuning. `--songs DIR` adds seasons whose
songs are recordings; `--cost` measures 26 episodes of 24 minutes apart. `--audfprint` names the
command of audfprint2, a published matcher of sound, installed in an environment of its own; it
answers with the stretch of at least 15 s that shares most landmarks with another episode.

    python -m venv build/peer && build/peer/bin/pip install audfprint2 imageio-ffmpeg
    python benchmarks/episodes_matching.py [--work build/seasons] [--quick] [--songs DIR] [--cost]
        [--audfprint build/peer/bin/audfprint]
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import describe
from episodes_seasons import HeardSeason, kept
from playhead.episodes.match import match_season
from playhead.episodes.sound.fingerprint import HOP, RATE, SPAN, fingerprint
from playhead.episodes.sound.reading import Sound
from playhead.inference.runtime import available_cores
from playhead.worlds.season import SeasonConfig, draw_season, episode_sound

FIRST_SEED = 400
SEASONS, QUICK_SEASONS, RECORDED_SEASONS = 20, 3, 4
BITS, GAP, SHORTEST = 6, 3.5, 15.0
MATCHED = re.compile(
    r"Matched +([\d.]+) s starting at +([\d.]+) s in (\S+) to time +[\d.]+ s in (\S+) "
    r"with +(\d+) of"
)
"""What audfprint2 says of a match: seconds, start, query, reference, landmarks in common."""
Span = tuple[str, float, float]


@dataclass
class Score:
    """Counts and errors over seasons."""

    name: str
    found: int = 0
    missing: int = 0
    false: int = 0
    false_seconds: float = 0.0
    hours: float = 0.0
    seconds: float = 0.0
    errors: list[float] = field(default_factory=list)

    def add(
        self, answers: Sequence[Sequence[Span]], season: HeardSeason, kinds: frozenset[str]
    ) -> None:
        for spans, events, duration in zip(answers, season.truth, season.durations, strict=True):
            truth = [
                (event.label, event.start, event.end or event.start)
                for event in events
                if event.label in kinds and "dubbed" not in (event.note or "")
            ]
            left = [span for span in spans if span[0] in kinds]
            skips = [(event.start, event.end or event.start) for event in events]
            for kind, start, end in truth:
                hits = [span for span in left if span[0] == kind and iou(span, start, end) >= 0.5]
                if hits:
                    left.remove(hits[0])
                    self.errors += [abs(hits[0][1] - start), abs(hits[0][2] - end)]
                    self.found += 1
                else:
                    self.missing += 1
            self.false += len(left)
            self.false_seconds += sum(
                max(end - start - sum(max(min(end, b) - max(start, a), 0) for a, b in skips), 0)
                for _, start, end in spans
            )
            self.hours += duration / 3600

    def line(self) -> str:
        errors = 1000 * np.array(self.errors or [np.nan])
        used = self.found + self.false
        return (
            f"{self.name:26} found {self.found:4} missing {self.missing:3} false {self.false:3}  "
            f"precision {self.found / max(used, 1):.3f} "
            f"recall {self.found / max(self.found + self.missing, 1):.3f}  "
            f"error ms median {np.median(errors):6.0f} p90 {np.percentile(errors, 90):6.0f} "
            f"max {errors.max():6.0f}  "
            f"false skip {self.false_seconds / max(self.hours, 1e-9):6.2f} s/h  "
            f"{self.seconds:6.1f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/seasons"), help="kept sound")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--songs", type=Path)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--audfprint", type=Path, help="the command of audfprint2")
    arguments = parser.parse_args()
    print(describe("numpy", "scipy", "av"))
    peer = None if arguments.audfprint is None else arguments.audfprint.resolve()
    count = QUICK_SEASONS if arguments.quick else SEASONS
    measure("generated songs", arguments.work, range(FIRST_SEED, FIRST_SEED + count), None, peer)
    if arguments.songs is not None:
        first = FIRST_SEED + 100
        seeds = range(first, first + RECORDED_SEASONS)
        measure("recorded songs", arguments.work, seeds, arguments.songs, peer)
    if arguments.cost:
        cost(arguments.work, *((6, 1440.0) if arguments.quick else (26, 1440.0)))


def measure(
    title: str, work: Path, seeds: Sequence[int], songs: Path | None, peer: Path | None
) -> None:
    every = frozenset({"opening", "ending", "recap", "eyecatch"})
    songs_only = frozenset({"opening", "ending"})
    all_kinds = Score("Playhead, all kinds")
    ours = Score("Playhead, songs")
    plugin = Score("plug-in's rule, songs")
    others = [(plugin, by_plugin_rule)]
    if peer is not None:
        others.append((Score("audfprint2, songs"), partial(by_audfprint, peer)))
    for seed in seeds:
        season = kept(work, seed, SeasonConfig(songs=songs))
        answers = timed(matched, season, all_kinds)
        all_kinds.add(answers, season, every)
        ours.add(answers, season, songs_only)
        for score, method in others:
            score.add(timed(method, season, score), season, songs_only)
    ours.seconds = all_kinds.seconds
    print(f"\n{title}, {len(seeds)} seasons")
    for score in (all_kinds, ours, *(score for score, _ in others)):
        print(score.line(), flush=True)


def timed(
    method: Callable[[HeardSeason], list[list[Span]]], season: HeardSeason, score: Score
) -> list[list[Span]]:
    start = processor_seconds()
    answers = method(season)
    score.seconds += processor_seconds() - start
    return answers


def processor_seconds() -> float:
    """Of this process and the commands that it ran."""
    return sum(os.times()[:4])


def matched(season: HeardSeason) -> list[list[Span]]:
    match = match_season(season.sounds, names=season.names, durations=season.durations)
    return [
        [(segment.kind, segment.start, segment.end) for segment in result.segments]
        for result in match.episodes
    ]


def by_plugin_rule(season: HeardSeason) -> list[list[Span]]:
    """Openings in the first quarter and endings in the last 450 s, by the longest run of a pair."""
    answers: list[list[Span]] = [[] for _ in season.sounds]
    for kind in ("opening", "ending"):
        cuts = []
        for sound in season.sounds:
            count = len(sound.words)
            # Six-minute episodes: half of it, so that no opening is cut off by the window.
            cuts.append((0, count // 2) if kind == "opening" else (count // 2, count))
        best: dict[int, Span] = {}
        for a in range(len(season.sounds)):
            for b in range(a + 1, len(season.sounds)):
                run = longest_run(
                    season.sounds[a].words[slice(*cuts[a])],
                    season.sounds[b].words[slice(*cuts[b])],
                )
                if run is None:
                    continue
                for episode, start in ((a, run[0]), (b, run[1])):
                    offset = season.sounds[episode].start + (cuts[episode][0] * HOP) / RATE
                    first = offset + start * HOP / RATE
                    last = first + (run[2] * HOP) / RATE
                    if episode not in best or last - first > best[episode][2] - best[episode][1]:
                        best[episode] = (kind, first, last)
        for episode, span in best.items():
            answers[episode].append(span)
    return answers


def by_audfprint(command: Path, season: HeardSeason) -> list[list[Span]]:
    """The same halves, each matched with its default settings against those of all episodes."""
    answers: list[list[Span]] = [[] for _ in season.sounds]
    python, code = (
        command.with_name("python"),
        "import imageio_ffmpeg as f; print(f.get_ffmpeg_exe())",
    )
    reader = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    variables = {**os.environ, "AUDFPRINT_FFMPEG": reader.stdout.strip()}
    for kind in ("opening", "ending"):
        with tempfile.TemporaryDirectory() as folder:
            offsets = []
            for number, sound in enumerate(season.sounds):
                middle = len(sound.samples) // 2
                half = sound.samples[:middle] if kind == "opening" else sound.samples[middle:]
                offsets.append(sound.start + (0 if kind == "opening" else middle / RATE))
                with wave.open(f"{folder}/{number}.wav", "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(RATE)
                    file.writeframes(half.tobytes())
            names = [f"{number}.wav" for number in range(len(offsets))]
            for rest in (["new"], ["-v", "-R", "-x", str(4 * len(names)), "match"]):
                done = subprocess.run(
                    [command, "-d", "all.hdf", *rest, *names],
                    cwd=folder, env=variables, capture_output=True, text=True, check=True,
                )  # fmt: skip
            best: dict[str, tuple[int, float, float]] = {}
            for found in MATCHED.finditer(done.stderr):
                seconds, start, query, reference, common = found.groups()
                if query == reference or float(seconds) < SHORTEST:
                    continue
                best[query] = max(
                    best.get(query, (0, 0.0, 0.0)), (int(common), float(start), float(seconds))
                )
            for query, (_, start, seconds) in best.items():
                number = names.index(query)
                first = offsets[number] + start
                answers[number].append((kind, first, first + seconds))
    return answers


def longest_run(
    first: NDArray[np.uint32], second: NDArray[np.uint32]
) -> tuple[int, int, int] | None:
    """Start in both and length, in words, of the longest run over all lags; None below 15 s."""
    best: tuple[int, int, int] | None = None
    gap, least = GAP * RATE / HOP, SHORTEST * RATE / HOP
    # The rule looks only at lags at which some word is equal.
    _, left, right = np.intersect1d(first, second, return_indices=True)
    for lag in np.unique(right - left).tolist():
        offset = max(0, -lag)
        count = min(len(first) - offset, len(second) - offset - lag)
        different = np.bitwise_count(
            first[offset : offset + count] ^ second[offset + lag : offset + lag + count]
        )
        alike = np.flatnonzero(different <= BITS)
        if not len(alike):
            continue
        breaks = np.flatnonzero(np.diff(alike) > gap)
        starts, ends = alike[np.r_[0, breaks + 1]], alike[np.r_[breaks, len(alike) - 1]]
        row = int(np.argmax(ends - starts))
        length = int(ends[row] - starts[row])
        if length >= least and (best is None or length > best[2]):
            best = offset + int(starts[row]), offset + lag + int(starts[row]), length
    return best


def cost(work: Path, episodes: int, seconds: float) -> None:
    config = SeasonConfig(episodes=episodes, seconds=seconds)
    season = draw_season(500, 0, config)
    work.mkdir(parents=True, exist_ok=True)
    sounds, spent = [], 0.0
    for number in range(episodes):
        path = work / f"long{number}.npy"
        if not path.is_file():
            drawn = episode_sound(season, number, rate=RATE)
            np.save(path, np.rint(drawn * 32767).astype(np.int16))
        samples = np.load(path, mmap_mode="r")
        start = time.process_time()
        sounds.append(Sound(words=fingerprint(samples), samples=samples, start=0.0, missing=()))
        spent += time.process_time() - start
    start = time.perf_counter()
    match = match_season(sounds)
    total = time.perf_counter() - start
    start = time.perf_counter()
    match_season(sounds, earlier=[p for p in match.pairs if str(episodes - 1) not in {p.a, p.b}])
    one = time.perf_counter() - start
    words = sum(len(sound.words) for sound in sounds)
    print(
        f"\n{episodes} episodes of {seconds / 60:.0f} minutes ({words} words of {SPAN / RATE:.1f} "
        f"s): fingerprints {spent:.1f} s of one core, matching {total:.1f} s on "
        f"{available_cores()} cores; one new episode {one:.1f} s; load {os.getloadavg()[0]:.1f}"
    )


def iou(span: Span, start: float, end: float) -> float:
    common = max(min(span[2], end) - max(span[1], start), 0.0)
    return common / (max(span[2], end) - min(span[1], start))


if __name__ == "__main__":
    main()
