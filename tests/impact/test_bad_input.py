"""Bad input to `train`, `predict` and `evaluate`: one line naming file and row, nothing lost."""

import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from playhead.events.formats import native, nfl
from playhead.events.manifest import ManifestRow, write_manifest
from playhead.impact.candidates import read_candidates
from playhead.impact.config import ImpactDataConfig
from playhead.impact.data import load_videos
from playhead.media.write import VideoWriter
from tests.command import Finished, playhead_json, run
from tests.impact.networks import write_bundle
from tests.impact.two_views import FRAMES, HEIGHT, WIDTH, impact, write_events

VIEWS = ("Endzone", "Sideline")


def write_video(path: Path, *, frames: int = FRAMES, rate: Fraction = Fraction(30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(frames)
    with VideoWriter(path, WIDTH, HEIGHT, rate) as writer:
        for _ in range(frames):
            writer.write(noise.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two plays of two views, as `1_N_VIEW.mp4`."""
    folder = tmp_path_factory.mktemp("plays ö")
    first = write_video(folder / "1_1_Endzone.mp4")
    for name in ("1_1_Sideline", "1_2_Endzone", "1_2_Sideline"):
        (folder / f"{name}.mp4").write_bytes(first.read_bytes())
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    write_bundle(folder, post_processing={"helmet_threshold": 0.5, "impact_threshold": 0.3})
    return folder


@pytest.fixture
def folder(videos: Path, tmp_path: Path) -> Path:
    """Copies of the videos, `train_labels.csv` of all, and a manifest; play 1 is to train on."""
    for video in videos.iterdir():
        (tmp_path / video.name).write_bytes(video.read_bytes())
    write_labels(tmp_path / "train_labels.csv", [])
    rows = [
        ManifestRow(
            tmp_path / f"1_{play}_{view}.mp4", tmp_path / "train_labels.csv", f"play {play}", view,
            "train" if play == 1 else "valid",
        )
        for play in (1, 2)
        for view in VIEWS
    ]  # fmt: skip
    write_manifest(rows, tmp_path / "manifest.csv")
    return tmp_path


def cells(
    frame: object = 5, helmet: str = "H1", box: str = "40,16,40,16", *, mark: bool = False,
    play: int = 1, view: str = "Endzone",
) -> str:  # fmt: skip
    marks = "1,Helmet,3,2" if mark else "0,,0,0"
    return f"1,{play},{view},1_{play}_{view}.mp4,{frame},{helmet},{box},{marks}"


def write_labels(path: Path, more: Sequence[str]) -> None:
    """An impact of two helmets in frame 10 of each video, and more rows from line 10 on."""
    rows = [
        cells(10, helmet, f"{left},16,40,16", mark=True, play=play, view=view)
        for play in (1, 2)
        for view in VIEWS
        for helmet, left in (("H1", 40), ("V2", 52))
    ]
    path.write_text("\n".join([nfl.HEADER, *rows, *more, ""]), encoding="utf-8")


def train(folder: Path) -> Finished:
    return run(
        "impact", "train", "collisions-demo", "--out", folder / "run", "--device", "cpu",
        "--set", f"data.manifest={folder / 'manifest.csv'}", "--set", "data.label=impact",
        "--set", "data.rate=native",
    )  # fmt: skip


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        samples = np.zeros((1, 8000), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])


def refused(finished: Finished, *needed: str) -> None:
    """One line that has all of this, and the exit code for bad input."""
    assert finished.code == 2, finished.err
    assert len(finished.err.strip().splitlines()) == 1, finished.err
    for part in needed:
        assert part in finished.err


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (cells(box="300,16,40,16"), "line 10: the box at left 300, top 40 of 16x16 is outside"),
        (cells(41), "line 10: frame 41 is past the last frame, which is 40, counted from 1"),
        (cells(41, mark=True), "line 10: frame 41 is past the last frame"),
        (cells(box="nan,16,40,16"), "line 10: left needs a finite number, got 'nan'"),
        (cells(box="56,-16,40,16"), "line 10: the box at left 56, top 40 is -16 wide"),
        (cells(10), "line 10: track 1 (H1) has a second box in frame 10 (first: line 2)"),
    ],
)
def test_a_bad_row_stops_the_training_with_its_line(folder: Path, row: str, complaint: str) -> None:
    write_labels(folder / "train_labels.csv", [row])
    refused(train(folder), str(folder / "train_labels.csv"), complaint)


def test_swapped_columns_fall_outside_of_the_image(folder: Path) -> None:
    """A header that exchanges left and width makes each box of 16 pixels at 200 one at 16."""
    labels = folder / "train_labels.csv"
    write_labels(labels, [cells(6, box="120,16,90,16")])
    text = labels.read_text(encoding="utf-8")
    labels.write_text(text.replace("left,width,top,height", "top,height,left,width"))
    assert HEIGHT < 120 < WIDTH
    refused(train(folder), f"{labels}: line 10: the box at left 90, top 120", "160x96")


def test_boxes_as_motchallenge_are_refused_with_their_line(folder: Path) -> None:
    labels = write_events(folder / "1_1_Endzone.events.json", impact(9))
    (folder / "1_1_Endzone.txt").write_text("10,1,41,41,16,16,1\n11,1,41,41,16,16,1\n")
    text = (folder / "manifest.csv").read_text(encoding="utf-8")
    first = "1_1_Endzone.mp4,train_labels.csv"
    (folder / "manifest.csv").write_text(text.replace(first, f"1_1_Endzone.mp4,{labels.name}"))
    for row, complaint in (
        ("12,1,400,41,16,16,1", "line 3: the box at left 399, top 40 of 16x16 is outside"),
        ("90,1,41,41,16,16,1", "line 3: frame 90 is past the last frame, which is 40"),
    ):
        (folder / "1_1_Endzone.txt").write_text(f"10,1,41,41,16,16,1\n11,1,41,41,16,16,1\n{row}\n")
        refused(train(folder), f"{folder / '1_1_Endzone.txt'}: {complaint}")


def test_the_box_of_an_impact_outside_of_the_image_names_the_file_of_labels(folder: Path) -> None:
    labels = write_events(folder / "1_1_Endzone.events.json", impact(9, x=400))
    text = (folder / "manifest.csv").read_text(encoding="utf-8")
    first = "1_1_Endzone.mp4,train_labels.csv"
    (folder / "manifest.csv").write_text(text.replace(first, f"1_1_Endzone.mp4,{labels.name}"))
    write_events(folder / "out" / "1_1_Endzone.events.json", impact(9))
    paths = ("--truth", folder / "manifest.csv", "--predictions", folder / "out")
    refused(run("impact", "evaluate", *paths), f"{labels}: 1_1_Endzone.mp4: impact at", "outside")
    (folder / "1_1_Endzone.txt").write_text("10,1,41,41,16,16,1\n")
    refused(train(folder), f"{labels}: 1_1_Endzone.mp4: impact at", "outside of the image")


@pytest.mark.parametrize("kind", ["no video", "empty", "audio only"])
def test_a_bad_video_is_named_and_stops_only_itself(folder: Path, bundle: Path, kind: str) -> None:
    bad = folder / "1_1_Sideline.mp4"
    bad.write_bytes(b"no video" * 99 if kind == "no video" else b"")
    if kind == "audio only":
        write_sound(bad)
    refused(train(folder), "1_1_Sideline.mp4")
    write_events(folder / "truth" / "1_1_Endzone.events.json", impact(9))
    paths = ("--truth", folder / "manifest.csv", "--predictions", folder / "truth")
    refused(run("impact", "evaluate", *paths), "1_1_Sideline.mp4")
    document = playhead_json(
        "impact", "predict", bundle, folder / "manifest.csv", "--out", folder / "out",
        "--device", "cpu", "--threads", "1", "--precision", "fp32", code=3,
    )  # fmt: skip
    statuses = {Path(file["path"]).stem: file["status"] for file in document["files"]}
    assert statuses.pop("1_1_Sideline") == "failed"
    assert list(statuses.values()) == ["ok"] * 3
    assert len(list((folder / "out").glob("*.events.json"))) == 3


def test_a_manifest_of_three_views_is_named_before_anything_is_computed(
    folder: Path, bundle: Path
) -> None:
    manifest = folder / "manifest.csv"
    (folder / "third.mp4").write_bytes((folder / "1_1_Endzone.mp4").read_bytes())
    with manifest.open("a", encoding="utf-8") as file:
        file.write("third.mp4,,play 1,Skycam,train,\n")
    complaint = f"{manifest}: play 1: has 3 views (1_1_Endzone.mp4, 1_1_Sideline.mp4, third.mp4)"
    refused(run("impact", "predict", bundle, manifest, "--out", folder / "out"), complaint)
    assert not (folder / "out").exists()
    refused(train(folder), complaint)


def test_views_of_another_length_and_rate_are_decided_together(folder: Path, bundle: Path) -> None:
    write_video(folder / "1_1_Sideline.mp4", frames=12, rate=Fraction(60))
    for view in VIEWS:
        (folder / f"1_2_{view}.mp4").unlink()
    document = playhead_json(
        "impact", "predict", bundle, folder, "--out", folder / "out",
        "--device", "cpu", "--threads", "1", "--precision", "fp32",
    )  # fmt: skip
    assert [file["status"] for file in document["files"]] == ["ok", "ok"]
    lengths = [
        len(read_candidates(folder / "out" / f"1_1_{view}.candidates.npz").times) for view in VIEWS
    ]
    assert lengths == [FRAMES, 12]
    events = native.read(folder / "out" / "1_1_Endzone.events.json").events
    assert max(event.frame or 0 for event in events) > 8  # after the other view has ended


def test_predictions_past_the_last_frame_are_refused(folder: Path) -> None:
    out = folder / "out"
    paths = ("--truth", folder / "manifest.csv", "--predictions", out)
    write_events(out / "1_1_Endzone.events.json", impact(39))
    assert playhead_json("impact", "evaluate", *paths)["metrics"]["fp"] == 1
    write_events(out / "1_1_Endzone.events.json", impact(39)).write_text(
        (out / "1_1_Endzone.events.json")
        .read_text(encoding="utf-8")
        .replace('"frames": 40', '"frames": 99')
        .replace('"frame": 39', '"frame": 40'),
        encoding="utf-8",
    )
    refused(
        run("impact", "evaluate", *paths),
        "1_1_Endzone: an event is predicted in frame 40, but the last frame is 39",
    )


@pytest.mark.parametrize("name", ["empty", "not-there"])
def test_a_folder_without_predictions_is_refused(folder: Path, name: str) -> None:
    (folder / "empty").mkdir()
    paths = ("--truth", folder / "manifest.csv", "--predictions", folder / name)
    refused(run("impact", "evaluate", *paths), f"{folder / name}: has no .events.json files")


def test_a_prediction_for_an_unknown_video_is_named(folder: Path) -> None:
    write_events(folder / "out" / "1_1_Endzone.events.json", impact(9))
    write_events(folder / "out" / "deep" / "1_3_Endzone.events.json", impact(9))
    paths = ("--truth", folder / "manifest.csv", "--predictions", folder / "out")
    refused(run("impact", "evaluate", *paths), "deep/1_3_Endzone: the ground truth does not have")


def test_plays_without_an_impact_count_what_is_predicted(folder: Path) -> None:
    labels = folder / "train_labels.csv"
    text = labels.read_text(encoding="utf-8")
    paths = ("--truth", folder / "manifest.csv", "--predictions", folder / "out")
    write_events(folder / "out" / "1_1_Endzone.events.json", impact(9), impact(30))
    write_events(folder / "out" / "1_2_Endzone.events.json", impact(9))

    labels.write_text(
        "\n".join(
            line.replace("1,Helmet,3,2", "0,,0,0") if line.startswith("1,1,") else line
            for line in text.splitlines()
        )
    )
    metrics = playhead_json("impact", "evaluate", *paths)["metrics"]
    assert (metrics["tp"], metrics["fp"], metrics["fn"]) == (1, 2, 3)

    labels.write_text(text.replace("1,Helmet,3,2", "0,,0,0"))
    page = folder / "page.html"
    metrics = playhead_json("impact", "evaluate", *paths, "--report", page)["metrics"]
    assert (metrics["f1"], metrics["fp"]) == (0, 3)
    assert page.is_file()
    refused(train(folder), "there is no impact in 1_1_Endzone.mp4")


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(folder: Path) -> None:
    write_events(folder / "out" / "1_1_Endzone.events.json", impact(9), impact(30))
    paths = ("--truth", folder / "manifest.csv", "--predictions", folder / "out")
    expected = playhead_json("impact", "evaluate", *paths)
    for name in ("train_labels.csv", "manifest.csv"):
        data = (folder / name).read_bytes().replace(b"\n", b"\r\n")
        (folder / name).write_bytes(b"\xef\xbb\xbf" + data)
    assert playhead_json("impact", "evaluate", *paths) == expected


@pytest.mark.slow
@pytest.mark.parametrize("what", ["boxes", "impacts"])
def test_a_hundred_thousand_rows_of_one_play_take_seconds(tmp_path: Path, what: str) -> None:
    """As boxes to train on, of which some are impacts; as a submission to evaluate."""
    frames, helmets = 2273, 44
    rows = [
        (frame, f"{'HV'[number % 2]}{number}", f"{4 * number},4,{frame % 90},4")
        for frame in range(1, frames + 1)
        for number in range(helmets)
    ]
    truth = tmp_path / "train_labels.csv"
    lines = [cells(frame, *named, mark=frame % 20 == 0) for frame, *named in rows]
    truth.write_text("\n".join([nfl.HEADER, *lines]), encoding="utf-8")
    began = time.process_time()
    if what == "boxes":
        path = tmp_path / "1_1_Endzone.mp4"
        with VideoWriter(path, 192, 96, Fraction(60), crf=40) as writer:
            for _ in range(frames):
                writer.write(np.zeros((96, 192, 3), np.uint8))
        config = ImpactDataConfig(manifest=tmp_path / "manifest.csv", size=(192, 96), cached=False)
        [video] = load_videos([ManifestRow(path, truth)], config, impact_frames=4).videos
        assert len(video.boxes) == len(rows) == 100_012
        assert video.impacts.sum() == 113 * helmets * 9
    else:
        submission = tmp_path / "submission.csv"
        video_cells = "1,1,Endzone,1_1_Endzone.mp4"
        predicted = [f"{video_cells},{frame},{box}" for frame, _, box in rows]
        header = ",".join(nfl.SUBMISSION)
        submission.write_text("\n".join([header, *predicted]), encoding="utf-8")
        paths = ("--truth", truth, "--predictions", submission)
        metrics = playhead_json("impact", "evaluate", *paths)["metrics"]
        assert (metrics["tp"], metrics["fn"]) == (113 * helmets, 0)
        assert metrics["tp"] + metrics["fp"] == len(rows)
    assert time.process_time() - began < 20
