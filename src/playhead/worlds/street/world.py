"""Street: seeded scenes of cars with number plates and people with heads and faces, in motion.

Written as videos with ground-truth tracks, or as images with YOLO labels. A box encloses the
visible pixels of an object or a part. Objects that are more than 70 % hidden have no box: cars and
people behind other objects; plates, heads and faces also beyond the edge of the frame; and a face
behind its own head, so that a head seen from behind has no face.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, model_validator

from playhead.events.formats.tracks import SUFFIX, TrackFile, write_tracks
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.files import atomic_path, write_text
from playhead.media.write import VideoWriter
from playhead.worlds.drawing import VisibleBox, box_tracks
from playhead.worlds.processes import write_each
from playhead.worlds.settings import WorldSettings
from playhead.worlds.street.frames import LABELS, StreetRenderer
from playhead.worlds.street.plan import StreetPlan, StreetRequest, draw_plan
from playhead.worlds.street.plate import PlateRange

__all__ = ["LABELS", "StreetConfig", "StreetScene", "draw_scene", "generate_street", "render"]

MOMENT = 1.0  # seconds into its scene at which an image is taken


class StreetConfig(WorldSettings):
    """Kind, size and content of the generated scenes."""

    kind: Literal["video", "images"] = Field("video", description="video with tracks, or images")
    seconds: float = Field(10.0, ge=0.1, le=3600.0, description="length of a video, seconds")
    width: int = Field(640, ge=160, le=3840, multiple_of=2, description="pixels")
    height: int = Field(360, ge=120, le=2160, multiple_of=2, description="pixels")
    people: int = Field(8, ge=0, le=40, description="maximum number; at least half as many")
    cars: int = Field(4, ge=0, le=20, description="maximum number; at least half as many")
    plates: PlateRange = Field(
        "basic",
        description="number plates: basic, four styles; worldwide, styles of many regions in one "
        "and two rows, some of them faded and dirty",
    )
    smallest_face: float = Field(
        8.0, gt=0.0, description="height in pixels of the most distant faces"
    )
    largest_face: float = Field(120.0, gt=0.0, description="height in pixels of the nearest faces")
    motion: float = Field(
        1.0, ge=0.0, le=3.0, description="speed factor of people and cars; 0 for none"
    )
    shake: float = Field(
        1.0, ge=0.0, le=4.0, description="strength of camera pan and shake; 0 for none"
    )
    crf: int = Field(20, ge=0, le=51, description="H.264 quality, lower is better and larger")
    jpeg: int = Field(92, ge=1, le=100, description="JPEG quality of images, higher is better")

    @model_validator(mode="after")
    def _faces_fit(self) -> Self:
        if self.smallest_face > self.largest_face:
            raise ValueError(
                f"smallest_face ({self.smallest_face}) is above largest_face ({self.largest_face})"
            )
        return self


@dataclass(frozen=True, slots=True, eq=False)
class StreetScene:
    """A scene that is planned but not drawn."""

    name: str
    plan: StreetPlan
    times: tuple[float, ...]  # of the frames, or of the one image: seconds


def draw_scene(seed: int, number: int, config: StreetConfig) -> StreetScene:
    """Plan scene `number` of the world `seed`."""
    rng = np.random.default_rng([seed, number])
    video = config.kind == "video"
    seconds = config.seconds if video else 2 * MOMENT
    rate = Fraction(config.rate)
    count = max(int(Fraction(seconds) * rate), 1)
    request = StreetRequest(
        seconds=seconds,
        people=int(rng.integers((config.people + 1) // 2, config.people + 1)),
        cars=int(rng.integers((config.cars + 1) // 2, config.cars + 1)),
        faces=(config.smallest_face, config.largest_face),
        motion=config.motion,
        shake=config.shake,
        plates=config.plates,
    )
    plan = draw_plan(rng, config.size, request)
    times = tuple(float(index / rate) for index in range(count)) if video else (MOMENT,)
    return StreetScene(_name(number, config), plan, times)


def render(scene: StreetScene) -> Iterator[tuple[NDArray[np.uint8], list[VisibleBox]]]:
    """Yield each frame, RGB (H, W, 3), with the boxes of the objects visible in it."""
    renderer = StreetRenderer(scene.plan, scene.times)
    for time in scene.times:
        yield renderer.frame(time)


def generate_street(
    out: Path,
    *,
    count: int,
    seed: int,
    config: StreetConfig | None = None,
    processes: int | None = None,
) -> Path:
    """Write `count` scenes into `out`; return the path of their manifest.

    kind "video": `street-NNN.mp4` with `street-NNN.tracks.npz`; kind "images":
    `images/street-NNNNNN.jpg`, `labels/street-NNNNNN.txt` (YOLO: class number, then centre and size
    of the box relative to the image) and `classes.txt`.
    A scene depends on (seed, its number, config) alone, not on count or processes.
    processes: at most two by default; more than one needs the caller's script to be importable
    (`if __name__ == "__main__":`), as all of Python's process pools do.
    """
    config = config or StreetConfig()
    write = partial(_write_scene, out=out, seed=seed, config=config)
    write_each(write, count, processes=processes, task="Drawing streets")
    if config.kind == "images":
        write_text(out / "classes.txt", "".join(f"{label}\n" for label in LABELS))
    rows = []
    for number in range(count):
        name = _name(number, config)
        video, labels = _files(out, name, config)
        split = config.split(number, count)
        rows.append(ManifestRow(video=video, labels=labels, group=name, split=split))
    manifest = out / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def _name(number: int, config: StreetConfig) -> str:
    return f"street-{number:03d}" if config.kind == "video" else f"street-{number:06d}"


def _files(out: Path, name: str, config: StreetConfig) -> tuple[Path, Path]:
    """The video or image of a scene, and its labels."""
    if config.kind == "video":
        return out / f"{name}.mp4", out / f"{name}{SUFFIX}"
    return out / "images" / f"{name}.jpg", out / "labels" / f"{name}.txt"


def _write_scene(number: int, *, out: Path, seed: int, config: StreetConfig) -> None:
    """Write one scene with its ground truth."""
    scene = draw_scene(seed, number, config)
    file, labels = _files(out, scene.name, config)
    if config.kind == "images":
        image, boxes = next(render(scene))
        with atomic_path(file) as temporary:
            Image.fromarray(image).save(temporary, "JPEG", quality=config.jpeg, subsampling=0)
        write_text(labels, "".join(_yolo_line(box, config.size) for box in boxes))
        return
    truth = []
    with VideoWriter(file, *config.size, Fraction(config.rate), crf=config.crf) as writer:
        for frame, boxes in render(scene):
            writer.write(frame)
            truth.append(boxes)
    tracks = TrackFile(
        video=file.name,
        frames=len(truth),
        width=config.width,
        height=config.height,
        classes=LABELS,
        tracks=box_tracks(truth),
        settings={"world": "street", "seed": seed, "truth": "visible"} | config.model_dump(),
    )
    write_tracks(labels, tracks)


def _yolo_line(visible: VisibleBox, size: tuple[int, int]) -> str:
    x1, y1, x2, y2 = visible.box
    width, height = size
    numbers = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    return f"{LABELS.index(visible.label)} {' '.join(f'{number:.6f}' for number in numbers)}\n"
