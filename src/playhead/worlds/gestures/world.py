"""Gestures: seeded people who gesture among bystanders, with their true keypoints.

A performer is a person with a body, clothes and habits of their own, who makes every gesture; the
group of a clip is its performer. With `acts` above 1 a video holds several gestures one after
another, as spans.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from playhead.events.formats import native
from playhead.events.formats.keypoints import SUFFIX, KeypointFile, write_keypoints
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.events.model import VideoEvents
from playhead.files import write_text
from playhead.media.write import VideoWriter
from playhead.times import RateText
from playhead.worlds.gestures.frames import draw_frames
from playhead.worlds.gestures.moves import CLASSES, Gesture
from playhead.worlds.gestures.plan import Plan, Request, draw_performer, draw_plan
from playhead.worlds.gestures.truth import plan_events, plan_keypoints
from playhead.worlds.processes import write_each
from playhead.worlds.settings import WorldSettings

__all__ = [
    "CLASSES",
    "GesturesConfig",
    "Performance",
    "draw_performance",
    "generate_gestures",
    "render",
]

_ACTS = "acts"  # what a video of several gestures is named after, in place of its class


class GesturesConfig(WorldSettings):
    """Length, size and content of the generated videos."""

    seconds: float = Field(2.0, ge=0.5, le=60.0, description="length of a gesture, seconds")
    width: int = Field(160, ge=96, le=3840, multiple_of=2, description="pixels")
    height: int = Field(120, ge=72, le=2160, multiple_of=2, description="pixels")
    rate: RateText = Field("15", description="frames a second, also as a fraction")
    takes: int = Field(2, ge=1, le=99, description="how often a performer makes each gesture")
    acts: int = Field(
        1, ge=1, le=500,
        description="gestures in a video; above 1 there is one video for each performer and take, "
        "with spans as labels",
    )  # fmt: skip
    bystanders: int = Field(
        4, ge=0, le=12, description="maximum number; at least one, unless it is 0"
    )
    shake: float = Field(
        1.0, ge=0.0, le=4.0, description="strength of camera drift and shake; 0 for none"
    )
    crf: int = Field(23, ge=0, le=51, description="H.264 quality, lower is better and larger")


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A video that is planned but not drawn."""

    name: str  # without suffix: wave_g07_t1
    label: Gesture | None  # None for a video of several gestures
    group: str  # of the performer: g07
    plan: Plan
    settings: dict[str, Any]

    @property
    def video(self) -> str:
        return f"{self.name}.mp4"

    @property
    def keypoints(self) -> KeypointFile:
        """The true joints of everyone in the image; chosen is the performer."""
        return plan_keypoints(self.plan, self.video, self.settings)

    @property
    def events(self) -> VideoEvents:
        """The gestures of everyone as spans; the track is the person's id in the keypoints."""
        return plan_events(self.plan, self.keypoints)


def draw_performance(
    seed: int, performer: int, label: Gesture | None, take: int, config: GesturesConfig
) -> Performance:
    """Plan a video: take `take` of a performer, both from 0.

    label: the gesture; None for `config.acts` gestures drawn at random, none twice in a row
    """
    who = draw_performer(np.random.default_rng([seed, performer]))
    kind = 0 if label is None else 1 + CLASSES.index(label)
    rng = np.random.default_rng([seed, performer, kind, take])
    labels = _sequence(rng, config.acts) if label is None else (label,)
    rate = Fraction(config.rate)
    count = max(int(Fraction(config.seconds) * len(labels) * rate), 1)
    request = Request(
        labels=labels,
        seconds=config.seconds,
        times=tuple(float(index / rate) for index in range(count)),
        size=config.size,
        bystanders=config.bystanders,
        shake=config.shake,
    )
    return Performance(
        name=f"{label or _ACTS}_{_group(performer)}_t{take + 1}",
        label=label,
        group=_group(performer),
        plan=draw_plan(rng, who, request),
        settings={"world": "gestures", "seed": seed, **config.model_dump()},
    )


def render(performance: Performance) -> Iterator[NDArray[np.uint8]]:
    """Yield each frame, RGB (H, W, 3)."""
    return draw_frames(performance.plan)


def generate_gestures(
    out: Path,
    *,
    count: int,
    seed: int,
    config: GesturesConfig | None = None,
    processes: int | None = None,
) -> Path:
    """Write the videos of `count` performers; return the path of their index or manifest.

    One gesture a video: `CLASS/CLASS_gNN_tK.mp4`, with the true keypoints beside it
    (`.keypoints.npz`), and `index.csv` (`video,label,group,split`). NN is the performer, K the
    take. Several: `acts_gNN_tK.mp4` with keypoints and spans (`.events.json`), and `manifest.csv`.
    A video depends on (seed, performer, class, take, config) alone, not on count or processes.
    processes: at most two by default; more than one needs the caller's script to be importable
    (`if __name__ == "__main__":`), as all of Python's process pools do.
    """
    config = config or GesturesConfig()
    labels: tuple[Gesture | None, ...] = (None,) if config.acts > 1 else CLASSES
    parts = [
        (performer, label, take)
        for performer in range(count)
        for label in labels
        for take in range(config.takes)
    ]
    write = partial(_write_video, out=out, seed=seed, config=config, parts=parts)
    write_each(write, len(parts), processes=processes, task="Drawing gestures")
    if config.acts > 1:
        manifest = out / "manifest.csv"
        rows = [
            ManifestRow(
                video=out / f"{_ACTS}_{_group(performer)}_t{take + 1}.mp4",
                labels=out / f"{_ACTS}_{_group(performer)}_t{take + 1}.events.json",
                group=_group(performer),
                split=config.split(performer, count),
            )
            for performer, _, take in parts
        ]
        write_manifest(rows, manifest)
        return manifest
    index = out / "index.csv"
    lines = [
        f"{label}/{label}_{_group(performer)}_t{take + 1}.mp4,{label},{_group(performer)},"
        f"{config.split(performer, count)}\n"
        for performer, label, take in parts
    ]
    write_text(index, "".join(["video,label,group,split\n", *lines]))
    return index


def _group(performer: int) -> str:
    return f"g{performer + 1:02d}"


def _sequence(rng: np.random.Generator, acts: int) -> tuple[Gesture, ...]:
    """Gestures at random, none twice in a row."""
    labels: list[Gesture] = []
    for _ in range(acts):
        others = [label for label in CLASSES if not labels or label != labels[-1]]
        labels.append(others[int(rng.integers(len(others)))])
    return tuple(labels)


def _write_video(
    number: int, *, out: Path, seed: int, config: GesturesConfig,
    parts: list[tuple[int, Gesture | None, int]],
) -> None:  # fmt: skip
    """Write one video with its ground truth."""
    performer, label, take = parts[number]
    performance = draw_performance(seed, performer, label, take, config)
    folder = out if label is None else out / label
    video = folder / performance.video
    with VideoWriter(video, *config.size, Fraction(config.rate), crf=config.crf) as writer:
        for frame in render(performance):
            writer.write(frame)
    write_keypoints(folder / f"{performance.name}{SUFFIX}", performance.keypoints)
    if label is None:
        native.write(performance.events, folder / f"{performance.name}.events.json")
