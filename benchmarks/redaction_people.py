"""People: what an audit finds of visible ones and of covered ones, and what hiding them covers.

Audit: people of known boxes are left visible, covered below two fifths of their height, or covered
whole by the default mask. Of visible ones the recall per frame (IoU .4) is printed, of covered ones
the share of frames, and of clips, with an exposure. Streets are generated; the real clips are of
URFD, at home, whose boxes are made of machine-made poses: some people in them have none. Each row
is a threshold, without and with a second network that confirms doubtful detections.

Hiding: exposed track-frames of people in generated streets, and the share of frames of a real
street that masks cover, with people's boxes that grow as those of faces and as they do by default.

Half of the clips, and other seeds, choose settings (`--choose`); the other half report them.

    playhead weights get redaction
    PLAYHEAD_DATA=data python benchmarks/redaction_people.py [--choose]
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from environment import describe
from playhead.decisions.boxes import iou
from playhead.events.formats.tracks import SUFFIX, TrackFile, read_tracks
from playhead.inference.detectors import detect_tiled, open_detector
from playhead.inference.weights import weight_path
from playhead.media import open_video
from playhead.media.planes import Planes
from playhead.metrics.exposure import HIDDEN, hidden_share
from playhead.redaction.audit import AuditConfig
from playhead.redaction.audit_findings import core
from playhead.redaction.audit_people import PeopleConfirmation, doubtful_people
from playhead.redaction.config import (
    MaskConfig,
    RedactionConfig,
    load_redaction_config,
)
from playhead.redaction.detect import RedactionDetector
from playhead.redaction.evaluate import exposed_track_frames
from playhead.redaction.hide import HideConfig, Hider, Region
from playhead.redaction.regions import Masks, scaled_boxes
from playhead.redaction.resolved import PEOPLE_GROWTH, ResolvedRedaction, resolve
from playhead.redaction.track_extension import covering_tracks
from playhead.worlds.street import StreetConfig, draw_scene, generate_street, render
from redaction_presets import find_tracks

CHOOSING, REPORTING = 21, 22
"""The seeds of the streets."""

SCENES, STEP = 4, 12
"""Streets, and the frames from one that is audited to the next."""

CLIPS, APART, REAL_STEP = 8, 9, 16
"""Real clips, how far apart they stand in their list, and the frames from one that is audited to
the next."""

THRESHOLDS = (0.2, 0.3, 0.35, 0.4, 0.45)
SAME = 0.4
WHOLE = 0.95
"""A frame of which masks cover this share counts as covered whole."""

STATES = ("visible", "half", "covered")

Image = NDArray[np.uint8]
Shown = tuple[str, Image, NDArray[np.float32]]
"""The name of a clip, a frame of it, and the boxes (N, 4) of the people in it."""


@dataclass(slots=True)
class Tally:
    """What one row counts."""

    people: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    hits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    frames: int = 0
    false_frames: int = 0
    clips: dict[str, bool] = field(default_factory=dict)
    seen_clips: dict[str, bool] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choose", action="store_true", help="the seed and clips that choose")
    parser.add_argument("--part", choices=("audit", "hiding"), help="one of the two tables")
    given = parser.parse_args()
    seed = CHOOSING if given.choose else REPORTING
    print(describe("openvino", "numpy", "av"))
    if given.part != "hiding":
        report_audit(f"generated streets, seed {seed}", streets(seed))
        folder = Path(os.environ.get("PLAYHEAD_DATA", "")) / "urfd"
        if folder.is_dir():
            report_audit("real clips of URFD", real_clips(folder, 0 if given.choose else 1))
        else:
            print("real clips left out: PLAYHEAD_DATA does not name a folder with urfd")
    if given.part != "audit":
        report_hiding(seed)


def streets(seed: int) -> Iterator[Shown]:
    config = StreetConfig(seconds=4, width=960, height=540, people=6, cars=3)
    for number in range(SCENES):
        scene = draw_scene(seed, number, config)
        for image, seen in render(replace(scene, times=scene.times[::STEP])):
            boxes = [one.box for one in seen if one.label == "person"]
            yield f"street {number}", image, np.array(boxes, np.float32).reshape(-1, 4)


def real_clips(folder: Path, part: int) -> Iterator[Shown]:
    """Frames of clips in which the poses show somebody; boxes reach over the joints."""
    poses = np.load(folder / "poses_yolov8.npz")
    places = [k for k, path in enumerate(poses["path"]) if "cam0" in str(path)]
    for place in places[part::APART][:CLIPS]:
        name = str(poses["path"][place])
        joints = poses["joints"][poses["offsets"][place] : poses["offsets"][place + 1]]
        with open_video(folder / name) as video:
            wanted = np.arange(0, min(video.frames, len(joints)), REAL_STEP)
            for k, image in video.stream(wanted=wanted):
                boxes = [box_of(person) for person in joints[k] if (person[:, 2] > 0.3).sum() >= 5]
                if boxes:
                    yield name, image, np.array(boxes, np.float32)


def box_of(joints: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """A person's box from the joints (17, 3): they lie inside the body, the highest in the face."""
    known = joints[joints[:, 2] > 0.3, :2]
    (x1, y1), (x2, y2) = known.min(axis=0).tolist(), known.max(axis=0).tolist()
    wide, high = 0.15 * (x2 - x1) + 4, y2 - y1
    return x1 - wide, y1 - 0.12 * high - 4, x2 + wide, y2 + 0.08 * high + 4


def report_audit(title: str, shown: Iterator[Shown]) -> None:
    settings = AuditConfig()
    tiles = {"tile": settings.tile, "overlap": settings.overlap}
    detector = open_detector("objectron", threads=None)
    confirmation = PeopleConfirmation(threads=None, **tiles)
    tallies = {(threshold, way): Tally() for threshold in THRESHOLDS for way in (False, True)}
    for name, before, people in shown:
        for state in STATES:
            after = masked(before, people, state)
            found = detect_tiled(detector, after, threshold=min(THRESHOLDS), **tiles)["person"]
            rows = [(x1, y1, x2, y2) for x1, y1, x2, y2 in found.boxes.tolist()]
            hidden = [hidden_share(before, after, core(box)) for box in rows]
            exposed = np.array(hidden) < HIDDEN
            doubtful = doubtful_people(found.boxes, hidden, (before.shape[1], before.shape[0]))
            real = ~doubtful
            if (doubtful & exposed).any():
                real |= confirmation.confirmed(after, found.boxes)
            for (threshold, way), tally in tallies.items():
                chosen = exposed & (found.scores >= threshold) & (real if way else True)
                count(tally, name, state, people, found.boxes[chosen])
    print(f"\naudit, {title}: {tallies[THRESHOLDS[0], False].frames} frames")
    columns = f"{'visible':>10}{'half':>10}{'visible clips':>15}"
    print(f"{'':30}{columns}{'false frames':>14}{'false clips':>13}")
    for (threshold, way), tally in tallies.items():
        name = f"from {threshold}, {'confirmed' if way else 'every detection'}"
        recalls = [tally.hits[state] / max(tally.people[state], 1) for state in STATES[:2]]
        print(
            f"{name:30}{recalls[0]:10.3f}{recalls[1]:10.3f}"
            f"{sum(tally.seen_clips.values()):>10} of {len(tally.seen_clips)}"
            f"{tally.false_frames / tally.frames:14.3f}"
            f"{sum(tally.clips.values()):>8} of {len(tally.clips)}",
            flush=True,
        )


def masked(image: Image, people: NDArray[np.float32], state: str) -> Image:
    """A copy that covers the people whole, from two fifths of their height down, or not."""
    after = image.copy()
    match state:
        case "covered":
            boxes = scaled_boxes(people, MaskConfig().scale)
            regions = [Region((x1, y1, x2, y2)) for x1, y1, x2, y2 in boxes.tolist()]
        case "half":
            regions = [
                Region((x1, y1 + 0.4 * (y2 - y1), x2, y2), "box")
                for x1, y1, x2, y2 in people.tolist()
            ]
        case _:
            regions = []
    Hider(HideConfig()).hide(Planes.of_rgb(after), regions)
    return after


def count(
    tally: Tally, name: str, state: str, people: NDArray[np.float32], found: NDArray[np.float32]
) -> None:
    if state == "covered":
        tally.frames += 1
        tally.false_frames += len(found) > 0
        tally.clips[name] = tally.clips.get(name, False) or len(found) > 0
        return
    upper = people.copy()
    upper[:, 3] = people[:, 1] + 0.4 * (people[:, 3] - people[:, 1])
    overlap = iou(people, found)
    if state == "half":
        overlap = np.maximum(overlap, iou(upper, found))
    hits = int((overlap.max(axis=1, initial=0) >= SAME).sum())
    tally.people[state] += len(people)
    tally.hits[state] += hits
    if state == "visible":
        tally.seen_clips[name] = tally.seen_clips.get(name, False) or hits > 0


def report_hiding(seed: int) -> None:
    config = load_redaction_config("balanced", ['hide=["person"]'])
    grown = config.extension.growth_limit
    redaction = resolve(config)
    detector = RedactionDetector(redaction)
    print(f"\nhiding people, streets of seed {seed} and a real street")
    print(f"{'':20}{'exposed':>16}{'mean covered':>14}{f'frames over {WHOLE}':>18}{'dropped':>9}")
    with tempfile.TemporaryDirectory() as name:
        street = StreetConfig(seconds=4, width=640, height=360, people=6, cars=2)
        generate_street(Path(name), count=4, seed=seed, config=street, processes=1)
        paths = sorted(Path(name).glob("*.mp4"))
        for side, limit in (("grow as faces do", grown), ("by default", PEOPLE_GROWTH)):
            exposed = total = 0
            for path in paths:
                truth = read_tracks(path.with_suffix(SUFFIX))
                found, _ = track_file(path, detector, redaction, limit)
                exposed += exposed_track_frames(truth, found)["person"]
                total += sum(len(one.frames) for one in truth.tracks if one.label == "person")
            found, dropped = track_file(weight_path("clip-bikes"), detector, redaction, limit)
            covered = covered_shares(found, config)
            print(
                f"{side:20}{f'{exposed} of {total}':>16}{np.mean(covered):14.3f}"
                f"{np.mean(np.array(covered) > WHOLE):18.3f}{dropped:>9}",
                flush=True,
            )


def track_file(
    path: Path, detector: RedactionDetector, redaction: ResolvedRedaction, limit: float
) -> tuple[TrackFile, int]:
    """The tracks of people in a video, and how many implausible detections were dropped.

    limit: the share of its size by which a box nobody saw grows at most
    """
    config = redaction.config
    extension = config.extension.model_copy(update={"growth_limit": limit})
    with open_video(path) as video:
        file, detections, dropped = find_tracks(video, detector, redaction)
        tracks = covering_tracks(
            video.times,
            detections.frames,
            detections.boxes["person"],
            label="person",
            tracking=config.tracking,
            extension=extension,
            start_score=redaction.threshold("person"),
            size=(video.width, video.height),
        )
    return replace(file, tracks=tuple(tracks)), dropped


def covered_shares(file: TrackFile, config: RedactionConfig) -> Sequence[float]:
    """Of every frame the share that masks cover."""
    masks = Masks(file, np.zeros(file.frames), 0.0, config.mask, config.style.shape)
    hider = Hider(HideConfig())
    shares = []
    for frame in range(file.frames):
        image = np.full((file.height, file.width, 3), 255, np.uint8)
        hider.hide(Planes.of_rgb(image), masks.regions(frame))
        shares.append(float((image == 0).all(axis=2).mean()))
    return shares


if __name__ == "__main__":
    main()
