"""The data of impact, from each source of labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from playhead.errors import LabelError
from playhead.events.formats.mot import write_mot
from playhead.events.formats.tracks import SUFFIX, read_tracks
from playhead.events.manifest import ManifestRow, read_manifest
from playhead.impact.config import ImpactDataConfig
from playhead.impact.data import HelmetVideo, ImpactVideos, load_videos, play_of
from playhead.samples.folds import split_manifest
from tests.impact.tiny_plays import HEIGHT, WIDTH, Boxes, boxes_of, write_labels, write_plays


def data(manifest: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), rate: str = "native",
         label: str = "impact") -> ImpactDataConfig:  # fmt: skip
    return ImpactDataConfig(manifest=manifest, size=size, rate=rate, label=label)


def load(row: ManifestRow, impact_frames: int = 0, rate: str = "native") -> HelmetVideo:
    config = data(Path("manifest.csv"), rate=rate)
    return load_videos([row], config, impact_frames=impact_frames).videos[0]


def marked(video: HelmetVideo) -> dict[int, int]:
    """The grid points with an impact, and the helmets of each."""
    points, counts = np.unique(video.points[video.impacts], return_counts=True)
    return dict(zip(points.tolist(), counts.tolist(), strict=True))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plays(tmp_path_factory.mktemp("plays ö"))


@pytest.fixture
def row(manifest: Path) -> ManifestRow:
    return read_manifest(manifest)[0]


def test_the_boxes_of_a_frame_are_those_of_its_tracks_and_impacts_are_at_their_frame(
    row: ManifestRow,
) -> None:
    boxes, meeting = boxes_of(0)
    video = load(row)
    for frame in (0, meeting):
        there, impacts = video.boxes_at(frame), video.impacts[video.at(frame)]
        np.testing.assert_allclose(there, boxes[:, frame], atol=1e-4)
        assert impacts.all() == (frame == meeting)
        assert impacts.any() == (frame == meeting)
    assert marked(video) == {meeting: 2}


def test_impact_frames_label_the_helmet_before_and_after_too(row: ManifestRow) -> None:
    _, meeting = boxes_of(0)
    video = load(row, impact_frames=2)
    assert marked(video) == {meeting + d: 2 for d in range(-2, 3)}
    for away in range(-3, 4):
        strength = 0.5 ** abs(away) if abs(away) <= 2 else 0
        assert video.strengths(video.at(meeting + away), 0.5).tolist() == [strength, strength]


def test_on_a_grid_of_half_the_rate_an_impact_is_at_the_nearest_point(row: ManifestRow) -> None:
    boxes, meeting = boxes_of(0)
    video = load(row, rate="15")
    (point,) = marked(video)
    assert abs(point * 2 - meeting) <= 1
    np.testing.assert_allclose(video.boxes_at(point), boxes[:, point * 2], atol=1e-4)


def test_boxes_are_scaled_with_the_frames(row: ManifestRow) -> None:
    boxes, _ = boxes_of(0)
    videos = load_videos([row], data(Path("m.csv"), size=(WIDTH // 2, HEIGHT // 4)))
    half = boxes[:, 3] * (0.5, 0.25, 0.5, 0.25)
    np.testing.assert_allclose(videos.videos[0].boxes_at(3), half, atol=1e-4)
    assert videos.read(0, 3, frames=4, before=2).shape == (4, HEIGHT // 4, WIDTH // 2)


def test_a_clip_beyond_the_ends_repeats_the_edge_frames(row: ManifestRow) -> None:
    videos: ImpactVideos = load_videos([row], data(Path("m.csv")))
    first = videos.read(0, 0, frames=4, before=2)
    assert (first[0] == first[1]).all()
    assert (first[1] == first[2]).all()
    assert not (first[2] == first[3]).all()


def test_nfl_labels_give_the_same_as_tracks(row: ManifestRow, tmp_path: Path) -> None:
    boxes, meeting = boxes_of(0)
    video = tmp_path / "57583_000082_Endzone.mp4"
    video.write_bytes(row.video.read_bytes())
    lines = ["gameKey,playID,view,video,frame,label,left,width,top,height,impact,impactType,"
             "confidence,visibility"]  # fmt: skip
    for track, path in enumerate(boxes):
        for frame, (x1, y1, x2, y2) in enumerate(path.tolist()):
            hit = frame == meeting
            # The second helmet's impact is not scored.
            cells = f"1,Helmet,{2 - track},1" if hit else "0,,,"
            place = f"{x1},{x2 - x1},{y1},{y2 - y1}"
            name = f"57583,000082,Endzone,{video.name}"
            lines.append(f"{name},{frame + 1},H{track},{place},{cells}")
    labels = tmp_path / "train_labels.csv"
    labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    loaded, native = load(ManifestRow(video=video, labels=labels)), load(row)
    np.testing.assert_allclose(loaded.boxes, native.boxes, atol=1e-3)
    assert marked(loaded) == {meeting: 1}


def test_motchallenge_boxes_and_a_table_give_the_same_as_tracks(
    row: ManifestRow, tmp_path: Path
) -> None:
    boxes, meeting = boxes_of(0)
    video = tmp_path / "play.mp4"
    video.write_bytes(row.video.read_bytes())
    tracks = read_tracks(row.video.with_name(row.video.stem + SUFFIX)).tracks
    write_mot(tracks, tmp_path / "play.txt")
    cells = ",".join(map(str, boxes[1, meeting].tolist()))
    table = f"video,label,frame,x1,y1,x2,y2\nplay.mp4,impact,{meeting},{cells}\n"
    labels = tmp_path / "impacts.csv"
    labels.write_text(table, encoding="utf-8")
    loaded = load(ManifestRow(video=video, labels=labels), impact_frames=1)
    np.testing.assert_allclose(loaded.boxes, load(row).boxes, atol=1e-3)
    # The helmet is found by its box, so it is labelled in the frames around it too.
    assert marked(loaded) == {meeting + d: 1 for d in (-1, 0, 1)}


def test_an_impact_of_a_helmet_without_a_box_gives_its_own(
    row: ManifestRow, tmp_path: Path
) -> None:
    video = tmp_path / "play.mp4"
    video.write_bytes(row.video.read_bytes())
    boxes, _ = boxes_of(0)
    labels = write_labels(video, boxes, [])
    labels.write_text(labels.read_text(encoding="utf-8").replace(
        '"events": []', '"events": [{"label": "impact", "start": 0.1, "box": [1, 2, 9, 10]}]'
    ), encoding="utf-8")  # fmt: skip
    loaded = load(ManifestRow(video=video, labels=labels))
    there, impacts = loaded.boxes_at(3), loaded.impacts[loaded.at(3)]
    assert there[impacts].tolist() == [[1, 2, 9, 10]]
    assert len(there) == 3


def test_a_hidden_impact_is_no_impact(row: ManifestRow, tmp_path: Path) -> None:
    video = tmp_path / "play.mp4"
    video.write_bytes(row.video.read_bytes())
    boxes, meeting = boxes_of(0)
    notes = [(meeting, 0, "hidden; speed=2.0"), (meeting, 1, "type=helmet; unhidden=1")]
    labels = write_labels(video, boxes, notes)
    video_events = load(ManifestRow(video=video, labels=labels))
    assert marked(video_events) == {meeting: 1}
    assert len(video_events.events) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda boxes: boxes + np.float32(200), "outside of the image of 96x64"),
        (lambda boxes: np.concatenate([boxes, boxes], 1), "past the last|belong to another cut"),
    ],
)
def test_boxes_of_another_video_are_refused(
    row: ManifestRow, tmp_path: Path, change: Callable[[Boxes], Boxes], message: str
) -> None:
    video = tmp_path / "play.mp4"
    video.write_bytes(row.video.read_bytes())
    boxes, meeting = boxes_of(0)
    labels = write_labels(video, change(boxes), [(meeting, 0, None)])
    labels.write_text(labels.read_text(encoding="utf-8").replace('"frames": 48', '"frames": 24'))
    with pytest.raises(LabelError, match=message):
        load(ManifestRow(video=video, labels=labels))


def test_videos_without_an_impact_are_refused(row: ManifestRow, tmp_path: Path) -> None:
    video = tmp_path / "play.mp4"
    video.write_bytes(row.video.read_bytes())
    boxes, _ = boxes_of(0)
    labels = write_labels(video, boxes, [])
    with pytest.raises(LabelError, match="there is no impact in play.mp4"):
        load(ManifestRow(video=video, labels=labels))


def test_a_video_without_boxes_of_helmets_is_refused(row: ManifestRow, tmp_path: Path) -> None:
    video = tmp_path / "play.mp4"
    video.write_bytes(row.video.read_bytes())
    boxes, meeting = boxes_of(0)
    labels = write_labels(video, boxes, [(meeting, 0, None)])
    (tmp_path / "play.tracks.npz").unlink()
    with pytest.raises(LabelError, match="has no boxes of helmets: needs play.tracks.npz"):
        load(ManifestRow(video=video, labels=labels))


def test_views_of_a_play_named_as_nfl_stay_on_one_side(tmp_path: Path) -> None:
    names = ["1_1_Endzone", "1_1_Sideline", "2_1_Endzone", "2_1_Sideline"]
    for name in names:
        (tmp_path / f"{name}.mp4").touch()
    lines = ["video,labels", *(f"{name}.mp4," for name in names)]
    (tmp_path / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    config = ImpactDataConfig(manifest=tmp_path / "manifest.csv", size=(8, 8), folds=2)
    train, valid = split_manifest(
        config.manifest, folds=config.folds, fold=config.fold, group=play_of
    )
    plays = [{row.name[:3] for row in side} for side in (train, valid)]
    assert len(plays[0]) == len(plays[1]) == 1
    assert plays[0] != plays[1]


def test_the_splits_of_the_manifest_are_used(manifest: Path) -> None:
    train, valid = split_manifest(manifest, folds=None, fold=0, group=play_of)
    assert [row.video.stem for row in train] == ["play-0"]
    assert [row.video.stem for row in valid] == ["play-1"]
