"""The review page loads nothing, shows names as text, and shows the tracks as they are."""

import base64
import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.errors import LabelError
from playhead.events.formats.tracks import TrackFile
from playhead.events.model import Origin, Track
from playhead.media import VideoWriter, open_video
from playhead.redaction import strips
from playhead.redaction.edits import apply_edits, read_edits, tracks_identity
from playhead.redaction.review import write_review
from playhead.redaction.strips import overview_frames, strip_frames

WIDTH, HEIGHT, FRAMES, SIDE = 160, 96, 60, 24


def place(frame: int) -> tuple[int, int]:
    """Where the square stands in a frame: left and top."""
    return 4 + 2 * frame, 30


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red square that moves over grey, brighter from frame to frame."""
    path = tmp_path_factory.mktemp("review") / "street.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, rate=25, crf=10) as writer:
        for frame in range(FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            left, top = place(frame)
            image[top : top + SIDE, left : left + SIDE] = (120 + 2 * frame, 20, 20)
            writer.write(image)
    return path


def track(number: int, label: str = "face", start: int = 5, stop: int = 50) -> Track:
    frames = np.arange(start, stop, dtype=np.int32)
    corners = np.array([place(k) for k in frames], np.float32)
    boxes = np.concatenate([corners, corners + SIDE], axis=1)
    origin = np.full(len(frames), Origin.DETECTED, np.uint8)
    origin[:3], origin[-2:], origin[10:12] = Origin.EXTENDED, Origin.EXTENDED, Origin.FILLED
    scores = np.linspace(0.4, 0.8, len(frames)).astype(np.float32)
    return Track(number, label, frames, boxes, scores, origin)


def tracks(*several: Track, **changes: object) -> TrackFile:
    file = TrackFile(
        video="street.mp4",
        frames=FRAMES,
        width=WIDTH,
        height=HEIGHT,
        classes=tuple(dict.fromkeys(["face", "plate", *(one.label for one in several)])),
        tracks=several or (track(4),),
    )
    return replace(file, **changes)  # type: ignore[arg-type]


def document(path: Path) -> dict:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found.group(1))


def shown(source: str) -> NDArray[np.uint8]:
    data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


def reviewed(street: Path, folder: Path, file: TrackFile) -> dict:
    out = folder / "review.html"
    return document(write_review(street, file, Path("street.tracks.npz"), out))


def test_the_page_asks_for_nothing_from_a_network(street: Path, tmp_path: Path) -> None:
    out = write_review(street, tracks(), Path("street.tracks.npz"), tmp_path / "r.html")
    text = out.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)\s*=\s*["\'](?!data:)', text)
    assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg)", text)
    assert not re.search(r"@import|fetch\(|XMLHttpRequest|sendBeacon|WebSocket|url\(", text)
    assert "default-src 'none'" in text


def test_the_page_says_that_it_must_be_kept_safe(street: Path, tmp_path: Path) -> None:
    out = write_review(street, tracks(), Path("street.tracks.npz"), tmp_path / "r.html")
    body = out.read_text(encoding="utf-8").split("<main>")[0]
    assert "keep it as safe as the source" in body


def test_hostile_names_stay_text(street: Path, tmp_path: Path) -> None:
    name = "</script><script>alert(1)<!-- {{data}} \"'é$(x).mp4"
    video = tmp_path / "v" / name.replace("/", "⁄")
    video.parent.mkdir()
    video.write_bytes(street.read_bytes())
    label = "</script><img src=x onerror=alert(1)>"
    file = tracks(track(4, label), video=video.name)
    out = write_review(video, file, tmp_path / "-a b.tracks.npz", tmp_path / "r.html")
    text, data = out.read_text(encoding="utf-8"), document(out)
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert data["tracks"][0]["label"] == label
    assert data["video"] == video.name
    assert data["edits_file"] == "-a b.edits.json"
    assert data["command"].endswith(" --edits './-a b.edits.json'")


def test_a_track_says_its_time_and_where_its_boxes_come_from(street: Path, tmp_path: Path) -> None:
    [one] = reviewed(street, tmp_path, tracks())["tracks"]
    assert (one["id"], one["label"]) == (4, "face")
    assert (one["start"], one["end"]) == pytest.approx((5 / 25, 50 / 25))
    assert one["counts"] == {"detected": 38, "filled": 2, "extended": 5}


def test_the_score_of_a_track_is_the_best_that_a_network_gave(street: Path, tmp_path: Path) -> None:
    one = track(4)
    one.scores[:] = 0.1
    one.scores[20], one.scores[11] = 0.6, 0.9  # one sighting, one filled in
    [told] = reviewed(street, tmp_path, tracks(one))["tracks"]
    assert told["score"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("lies", "named"),
    [
        ("street.tracks.npz", None),
        ("../v/street.tracks.npz", None),
        ("other.tracks.npz", "v/other.tracks.npz"),
        ("p/street.tracks.npz", "v/p/street.tracks.npz"),
        ("p/a b.tracks.npz", "v/p/a b.tracks.npz"),
    ],
)
def test_the_command_names_tracks_that_do_not_lie_beside_the_video(
    street: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lies: str,
    named: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("v")
    folder.mkdir()
    video = folder / "street.mp4"
    video.write_bytes(street.read_bytes())
    data = document(write_review(video, tracks(), folder / lies, tmp_path / "r.html"))
    said = shlex.split(data["command"])
    tracks_words = [] if named is None else ["--tracks", named]
    edits = Path(lies).name.replace(".tracks.npz", ".edits.json")
    start = ["playhead", "redaction", "apply", "v/street.mp4"]
    assert said == [*start, *tracks_words, "--edits", edits]


def test_the_page_carries_the_identity_of_its_tracks_and_every_label_of_a_box(
    street: Path, tmp_path: Path
) -> None:
    file = tracks(track(4, "dog"))
    data = reviewed(street, tmp_path, file)
    assert data["identity"] == tracks_identity(file)
    assert data["labels"] == ["face", "plate", "dog", "person", "head", "car"]


def test_a_strip_shows_the_first_the_best_and_the_last_detection() -> None:
    one = track(4)
    one.scores[21] = 0.99
    [frames], few = strip_frames([one])
    assert few == 0
    assert frames[0] == one.frames[3]
    assert frames[-1] == one.frames[-3]
    assert one.frames[21] in frames
    assert np.all(one.origin[frames - one.frames[0]] == Origin.DETECTED)
    assert len(frames) == len(set(frames.tolist())) == 7


def test_crops_show_the_object_in_the_frame_of_their_time(street: Path, tmp_path: Path) -> None:
    [one] = reviewed(street, tmp_path, tracks())["tracks"]
    for image in one["crops"]:
        crop = shown(image["src"]).astype(int)
        middle = crop[crop.shape[0] // 2 - 8 : crop.shape[0] // 2 + 8, :][:, 56:72].mean(
            axis=(0, 1)
        )
        frame = round(image["time"] * 25)
        assert middle[0] == pytest.approx(120 + 2 * frame, abs=12)
        assert crop[2, 2] == pytest.approx([90, 90, 90], abs=15)


def test_of_too_many_tracks_the_longest_and_least_certain_have_full_strips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strips, "MAX_CROPS", 40)
    many = [track(number, start=20, stop=40) for number in range(20)]
    many[7] = track(7)
    many[12].scores[:] = 0.05
    chosen, few = strip_frames(many)
    assert sum(map(len, chosen)) <= 40
    assert len(chosen[7]) == len(chosen[12]) == 7
    assert min(map(len, chosen)) == 1
    assert few == sum(len(frames) < 7 for frames in chosen)


def test_the_number_of_crops_never_exceeds_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(strips, "MAX_CROPS", 5)
    chosen, few = strip_frames([track(number) for number in range(9)])
    assert (sum(map(len, chosen)), few) == (5, 9)


@pytest.mark.parametrize(
    ("frames", "rate", "count"), [(4, 25, 4), (300, 25, 8), (3000, 25, 60), (400_000, 25, 200)]
)
def test_overview_frames_are_seconds_apart_and_never_too_many(
    frames: int, rate: int, count: int
) -> None:
    chosen = overview_frames(np.arange(frames) / rate)
    assert len(chosen) == pytest.approx(count, abs=1)
    assert len(chosen) <= 200
    assert (chosen[0], chosen[-1]) == (0, frames - 1)
    assert np.ptp(np.diff(chosen)) <= 1


def test_overview_frames_come_with_the_boxes_in_them(street: Path, tmp_path: Path) -> None:
    moments = reviewed(street, tmp_path, tracks())["moments"]
    for moment in moments:
        frame = round(moment["time"] * 25)
        left, top = place(frame)
        square = [4, left, top, left + SIDE, top + SIDE]
        assert moment["boxes"] == ([square] if 5 <= frame < 50 else [])
        image = shown(moment["src"])
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert float(image[top + 12, left + 12, 0]) == pytest.approx(120 + 2 * frame, abs=12)


def test_earlier_decisions_are_on_the_page_again(street: Path, tmp_path: Path) -> None:
    path = tmp_path / "street.edits.json"
    box = {"label": "plate", "start": 0.4, "end": 0.8, "box": [10.0, 10.0, 30.0, 20.0]}
    entries = {"schema": 1, "video": "street.mp4", "keep": [4], "boxes": [box], "spans": [[0, 1]]}
    path.write_text(json.dumps(entries))
    with open_video(street) as video:
        file = apply_edits(tracks(), read_edits(path), video.times, video.duration)
    data = reviewed(street, tmp_path, file)
    assert data["shown"] == [4]
    assert data["spans"] == [[0, 1]]
    assert data["boxes"] == [box]
    assert [one["id"] for one in data["tracks"]] == [4]
    assert {one[0] for moment in data["moments"] for one in moment["boxes"]} == {4}


def test_tracks_of_another_video_are_refused(street: Path, tmp_path: Path) -> None:
    for changes in ({"video": "other.mp4"}, {"frames": 61}, {"width": 320}):
        with pytest.raises(LabelError, match=r"street\.tracks\.npz: the tracks are of"):
            reviewed(street, tmp_path, tracks(**changes))


def test_a_video_without_tracks_has_a_page(street: Path, tmp_path: Path) -> None:
    data = reviewed(street, tmp_path, tracks(tracks=()))
    assert data["tracks"] == []
    assert len(data["moments"]) == 8


def test_a_video_of_one_frame_has_a_page(tmp_path: Path) -> None:
    video = tmp_path / "one.mp4"
    with VideoWriter(video, WIDTH, HEIGHT, rate=25) as writer:
        writer.write(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    one = Track(
        0,
        "face",
        np.zeros(1, np.int32),
        np.array([[4, 4, 20, 20]], np.float32),
        np.ones(1, np.float32),
        np.full(1, Origin.DRAWN, np.uint8),
    )
    data = reviewed(video, tmp_path, tracks(one, video="one.mp4", frames=1))
    assert len(data["moments"]) == 1
    assert data["boxes"] == [{"label": "face", "start": 0.0, "end": 0.04, "box": [4, 4, 20, 20]}]


def test_tracks_of_unreadable_frames_are_listed_without_crops(street: Path, tmp_path: Path) -> None:
    broken = tmp_path / "street.mp4"
    data = bytearray(street.read_bytes())
    start = data.index(b"mdat") + 4
    first = start + (len(data) - start) // 3
    data[first : first + 60] = bytes(60)
    broken.write_bytes(data)
    with open_video(broken) as video:
        video.check()
        unreadable = {k for one in video.damage for k in range(one.start, one.stop)}
    assert unreadable
    [one] = reviewed(broken, tmp_path, tracks())["tracks"]
    told = {round(image["time"] * 25) for image in one["crops"]}
    [wanted], _ = strip_frames([track(4)])
    assert told == set(wanted.tolist()) - unreadable
