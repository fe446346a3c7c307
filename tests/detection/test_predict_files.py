"""The command predict: images and videos in, label files, results, a submission, tracks out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.detection.evaluate import read_sets
from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import write_images, write_set
from playhead.detection.predict import PredictOptions
from playhead.detection.predict_files import predict_files
from playhead.events.formats.tracks import read_tracks
from playhead.events.images import ImageSet, LabelledImage
from playhead.events.model import Origin
from playhead.files import sha256
from playhead.inference.bundle import load_bundle
from playhead.inference.detectors import open_custom
from playhead.inference.detectors.custom import checksum_of
from playhead.media import VideoWriter
from tests.command import playhead, playhead_json, run
from tests.detector_bundle import paint, write_detector_bundle

SIZE = (96, 64)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_detector_bundle(tmp_path / "bundle").folder


def image(path: Path, column: int) -> tuple[float, ...]:
    """Write an image with a car; where it is."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    box = paint(pixels, 3, column, (204, 0, 9))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return box


def truth(folder: Path) -> ImageSet:
    """A set as normalising writes it: two images with one name in two folders, and a third."""
    images = []
    for number, name in enumerate(("a/x.png", "b/x.png", "y.png")):
        path = folder / "images" / name
        box = image(path, 3 + number)
        images.append(
            LabelledImage(
                path,
                SIZE,
                np.array([box]),
                np.zeros(1, np.int32),
                np.ones(1, np.float32),
                split="test" if number else "train",
            )
        )
    known = ImageSet(("car", "plate"), tuple(images))
    write_set(known, folder)
    return known


def test_every_format_says_the_same_and_pairs_with_the_truth(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    known = truth(tmp_path / "set")
    out = Path("found")
    options = ("--out", out, "--threshold", "0.5", "--threads", "1")
    result = playhead_json("detection", "predict", bundle, tmp_path / "set", *options)
    assert result["found"] == {"car": 3, "plate": 0}
    assert {Path(one).name for one in result["predictions"]} == {
        "classes.txt",
        "predictions.coco.json",
        "submission.csv",
        "thresholds.yaml",
    }
    assert (out / "labels" / "a" / "x.txt").is_file()
    for path in (out / "labels", out / "predictions.coco.json", out / "submission.csv"):
        true, found, _ = read_sets(tmp_path / "set", path)
        assert [one.path for one in true.images] == [one.path for one in known.images]
        for one, other in zip(known.images, found.images, strict=True):
            np.testing.assert_allclose(other.boxes, one.boxes, atol=0.01)
            assert other.scores.tolist() == pytest.approx([0.8], abs=1e-5)


def test_only_the_images_of_a_split_are_looked_at(tmp_path: Path, bundle: Path) -> None:
    truth(tmp_path / "set")
    out = tmp_path / "found"
    options = ("--out", out, "--split", "test", "--format", "csv", "--threshold", "0.5")
    result = playhead_json("detection", "predict", bundle, tmp_path / "set", *options)
    assert [Path(one["path"]).parent.name for one in result["files"]] == ["b", "images"]
    names = [one.path.as_posix() for one in read_image_set(out).images]
    assert [name.removeprefix(f"{out}/") for name in names] == ["b/x.png", "y.png"]
    _, found, _ = read_sets(tmp_path / "set", out, split="test")
    assert found.count() == {"car": 2, "plate": 0}


def test_one_bad_image_ends_no_batch_and_is_in_no_output(tmp_path: Path, bundle: Path) -> None:
    for number in range(3):
        image(tmp_path / "photos" / f"{number}.png", 4)
    out = tmp_path / "found"
    options = ("--out", out, "--threshold", "0.5")
    playhead("detection", "predict", bundle, tmp_path / "photos", *options)
    assert (out / "labels" / "1.txt").read_text().startswith("0 ")
    (tmp_path / "photos" / "1.png").write_bytes(b"no image")
    result = playhead_json(
        "detection", "predict", bundle, tmp_path / "photos", *options, "--overwrite", code=3
    )
    assert [one["status"] for one in result["files"]] == ["ok", "failed", "ok"]
    assert not (out / "labels" / "1.txt").exists()
    names = [one.path.name for one in read_image_set(out / "submission.csv").images]
    assert names == ["0.png", "2.png"]


def test_what_exists_is_refused_before_anything_is_done(tmp_path: Path, bundle: Path) -> None:
    image(tmp_path / "photos" / "0.png", 4)
    arguments = ("detection", "predict", bundle, tmp_path / "photos", "--out", tmp_path / "found")
    playhead(*arguments)
    finished = run(*arguments)
    assert (finished.code, "--overwrite replaces it" in finished.err) == (2, True)


def _files(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_no_output_of_an_earlier_run_stays_beside_those_of_this_one(
    tmp_path: Path, bundle: Path
) -> None:
    for name in ("one/a.png", "one/b/c.png", "two/d.png"):
        image(tmp_path / name, 4)
    out = tmp_path / "found"
    first = ("detection", "predict", bundle, tmp_path / "one", "--out", out)
    playhead(*first, "--format", "yolo,voc,coco")
    (out / "notes.md").write_text("mine")
    before = _files(out)
    second = ("detection", "predict", bundle, tmp_path / "two", "--out", out, "--format", "csv")
    refused = run(*second)
    assert (refused.code, "was written by an earlier run" in refused.err, _files(out)) == (
        2,
        True,
        before,
    )
    playhead(*second, "--overwrite")
    assert _files(out) == {"submission.csv", "thresholds.yaml", "notes.md"}
    assert not (out / "labels").exists()
    playhead(*second[:3], tmp_path / "two", "--out", out, "--format", "yolo", "--overwrite")
    assert _files(out) == {"labels/d.txt", "classes.txt", "thresholds.yaml", "notes.md"}


@pytest.mark.parametrize("kind", ["yolo", "voc"])
def test_labels_without_scores_are_never_replaced_or_removed(
    tmp_path: Path, bundle: Path, kind: str
) -> None:
    known = truth(tmp_path / "set")
    write_images(known, tmp_path / "labels-of-mine", [kind])
    for out in (tmp_path / "labels-of-mine", tmp_path / "set"):
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        finished = run(
            "detection", "predict", bundle, tmp_path / "set", "--out", out, "--overwrite"
        )
        assert finished.code == 2
        assert "so it may be ground truth" in finished.err or "labelled data set" in finished.err
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_two_images_that_would_share_a_label_file_are_refused(tmp_path: Path, bundle: Path) -> None:
    image(tmp_path / "photos" / "0.png", 4)
    image(tmp_path / "photos" / "0.jpg", 4)
    arguments = ("detection", "predict", bundle, tmp_path / "photos", "--out", tmp_path / "found")
    finished = run(*arguments)
    assert (finished.code, "would share the label file 0.txt" in finished.err) == (2, True)
    assert not (tmp_path / "found").exists()
    playhead(*arguments, "--format", "csv")


def test_formats_add_up_however_they_are_named(tmp_path: Path, bundle: Path) -> None:
    image(tmp_path / "photos" / "0.png", 4)
    for place, wanted in enumerate((["yolo,voc"], ["yolo", "voc"])):
        asked = [word for one in wanted for word in ("--format", one)]
        out = tmp_path / str(place)
        playhead("detection", "predict", bundle, tmp_path / "photos", "--out", out, *asked)
        made = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
        assert made == {"Annotations/0.xml", "classes.txt", "labels/0.txt", "thresholds.yaml"}


@pytest.mark.parametrize(
    ("name", "message"),
    [(" lead.png", "leading or trailing spaces"), ("caf\udce9.png", "not UTF-8")],
)
def test_a_name_that_a_format_cannot_hold_is_refused_before_any_image_is_looked_at(
    tmp_path: Path, bundle: Path, name: str, message: str
) -> None:
    image(tmp_path / "plain.png", 4)
    (tmp_path / "photos").mkdir()
    (tmp_path / "plain.png").rename(tmp_path / "photos" / name)
    arguments = ("detection", "predict", bundle, tmp_path / "photos", "--out", tmp_path / "found")
    finished = run(*arguments)
    assert (finished.code, message in finished.err) == (2, True), finished.err
    assert not (tmp_path / "found").exists()
    assert run(*arguments, "--format", "yolo").code == 0


def test_a_network_that_cannot_be_run_ends_before_any_image_is_looked_at(
    tmp_path: Path, bundle: Path
) -> None:
    image(tmp_path / "photos" / "0.png", 4)
    graph = load_bundle(bundle).graph("model")
    graph.write_bytes(graph.read_bytes()[:200])
    sums = bundle / "SHA256SUMS"
    lines = [line.split(maxsplit=1)[1] for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{sha256(bundle / name)}  {name}\n" for name in lines))
    finished = run("detection", "predict", bundle, tmp_path / "photos", "--out", tmp_path / "found")
    assert (finished.code, "cannot run this graph" in finished.err) == (2, True), finished.err
    assert not (tmp_path / "found").exists()


def test_a_video_becomes_tracks_of_every_class_of_the_bundle(tmp_path: Path, bundle: Path) -> None:
    image(tmp_path / "mixed" / "still.png", 4)
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[16:32, 32:48] = (220, 0, 14)
    with VideoWriter(tmp_path / "mixed" / "street" / "v.mp4", 96, 64, 25) as writer:
        for _ in range(8):
            writer.write(pixels)
    out = tmp_path / "found"
    told = playhead("detection", "predict", bundle, tmp_path / "mixed", "--out", out)
    assert "images: 1; detections above their thresholds: 1 car, 0 plate" in told
    tracks = read_tracks(out / "street" / "v.tracks.npz")
    assert tracks.classes == ("car", "plate")
    assert {track.label for track in tracks.tracks} == {"car"}
    assert (out / "labels" / "still.txt").is_file()


def test_tracks_of_a_video_hold_detections_and_what_is_interpolated_between_them(
    tmp_path: Path, bundle: Path
) -> None:
    """Unlike those of a redaction they are neither extended nor padded."""
    with VideoWriter(tmp_path / "v.mp4", 96, 64, 25) as writer:
        for k in range(24):
            pixels = np.zeros((64, 96, 3), np.uint8)
            if 8 <= k < 17:  # frames 8, 12, 16 are sampled while it is there
                paint(pixels, 3, 4, (220, 0, 14))
            writer.write(pixels)
    out = tmp_path / "found"
    result = playhead_json("detection", "predict", bundle, tmp_path / "v.mp4", "--out", out)
    assert result["files"][0]["notes"] == ["tracks: 1 car, 0 plate"]
    file = read_tracks(out / "v.tracks.npz")
    [track] = file.tracks
    assert track.frames.tolist() == list(range(8, 17))
    assert np.flatnonzero(track.origin == Origin.DETECTED).tolist() == [0, 4, 8]
    assert np.ptp(track.boxes[:, 2] - track.boxes[:, 0]) < 2
    assert file.settings["detectors"] == {"bundle": checksum_of(load_bundle(bundle))}
    assert file.settings["thresholds"] == {"car": 0.3, "plate": 0.3}


@pytest.mark.slow
def test_a_track_file_that_exists_is_refused_before_any_image_is_detected(
    tmp_path: Path, bundle: Path
) -> None:
    street_video(tmp_path / "in" / "v.mp4")
    image(tmp_path / "in" / "still.png", 4)
    out = tmp_path / "found"
    out.mkdir()
    (out / "v.tracks.npz").write_bytes(b"mine")
    arguments = ("detection", "predict", bundle, tmp_path / "in", "--out", out)
    finished = run(*arguments)
    assert (finished.code, "v.tracks.npz: exists already" in finished.err) == (2, True)
    assert [path.name for path in out.iterdir()] == ["v.tracks.npz"]
    playhead(*arguments, "--overwrite", "--executor", "processes", "--workers", "1")
    assert {track.label for track in read_tracks(out / "v.tracks.npz").tracks} == {"car"}


@pytest.mark.slow
def test_an_ensemble_fuses_and_weights_are_checked(tmp_path: Path, bundle: Path) -> None:
    other = write_detector_bundle(tmp_path / "other", ("plate", "dog")).folder
    image(tmp_path / "photos" / "0.png", 4)
    arguments = (
        *("detection", "predict", bundle, tmp_path / "photos", "--with", other),
        *("--out", tmp_path / "found", "--format", "coco", "--threshold", "0.3"),
    )
    playhead(*arguments, "--weights", "3,1")
    [car] = json.loads((tmp_path / "found" / "predictions.coco.json").read_text())
    assert (car["category"], car["score"]) == ("car", pytest.approx(0.8, abs=1e-5))
    playhead(*arguments, "--overwrite", "--set", "parents.plate=dog", "--set", "orphan=0.5")
    assert len(json.loads((tmp_path / "found" / "predictions.coco.json").read_text())) == 1
    playhead(*arguments, "--weights", "1,1", "--overwrite")
    both = json.loads((tmp_path / "found" / "predictions.coco.json").read_text())
    assert [one["category"] for one in both] == ["car", "plate"]
    assert both[1]["score"] == pytest.approx(0.4, abs=1e-5)
    for wrong in ("1", "1,0", "1,x"):
        finished = run(*arguments, "--weights", wrong, "--overwrite")
        assert (finished.code, "2 bundles need 2 numbers" in finished.err) == (2, True)


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path: Path, bundle: Path) -> None:
    image(tmp_path / "0.png", 4)
    options = ("--out", tmp_path / "found", "--format", "xml")
    finished = run("detection", "predict", bundle, tmp_path / "0.png", *options)
    assert finished.code == 2
    assert "choose from yolo, voc, coco, csv" in finished.err


def street_video(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[16:32, 32:48] = (220, 0, 14)
    with VideoWriter(path, 96, 64, 25) as writer:
        for _ in range(6):
            writer.write(pixels)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (("--weights", "1,1"), {"car", "plate"}),
        (("--weights", "4,1"), {"car"}),
        (("--weights", "1,1", "--set", "parents.plate=dog", "--set", "orphan=0.1"), {"car"}),
        (("--weights", "1,1", "--set", "thresholds.plate=0.6"), {"car"}),
    ],
)
def test_weights_and_settings_count_in_videos_as_in_images(
    tmp_path: Path, bundle: Path, options: tuple[str, ...], labels: set[str]
) -> None:
    # Red is a car to the one and a plate to the other, with half of .86 if both count the same.
    other = write_detector_bundle(tmp_path / "other", ("plate", "dog")).folder
    street_video(tmp_path / "v.mp4")
    out = tmp_path / "found"
    arguments = (bundle, tmp_path / "v.mp4", "--with", other, "--out", out, "--threads", 1)
    playhead("detection", "predict", *arguments, *options)
    assert {track.label for track in read_tracks(out / "v.tracks.npz").tracks} == labels


@pytest.mark.slow
def test_enlarging_and_precision_count_in_videos_as_in_images(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street_video(tmp_path / "v.mp4")
    sides = []
    for number, said in enumerate(("--enlarge", "--no-enlarge")):
        out = tmp_path / str(number)
        arguments = (bundle, tmp_path / "v.mp4", "--size", 192, "--out", out, "--threads", 1)
        playhead("detection", "predict", *arguments, said)
        [track, *_] = read_tracks(out / "v.tracks.npz").tracks
        sides.append(float(np.ptp(track.boxes[0, [0, 2]])))
    assert sides == pytest.approx([14, 28], abs=3)
    asked = []

    def opened(*args: Any, **said: Any) -> Any:
        asked.append(said.pop("precision"))
        return open_custom(*args, **said)

    monkeypatch.setattr("playhead.inference.detectors.objects.open_custom", opened)
    monkeypatch.setattr("playhead.detection.predict.open_custom", opened)
    options = PredictOptions(precision="bf16", threads=1, device="cpu")
    predict_files([bundle], [tmp_path / "v.mp4"], tmp_path / "found", options)
    assert asked == ["bf16"]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ((("0.png",), ("car", "plate")), "has no image 1.png"),
        ((("0.png", "1.png"), ("car", "dog")), "has no class plate"),
        (None, "ids.json"),
    ],
)
def test_results_that_cannot_be_numbered_are_refused_before_any_image_is_looked_at(
    tmp_path: Path,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    known: tuple[tuple[str, ...], ...] | None,
    said: str,
) -> None:
    for number in range(2):
        image(tmp_path / "photos" / f"{number}.png", 4)
    ids = tmp_path / "ids.json"
    if known is not None:
        names, classes = known
        document = {
            "images": [{"id": n, "file_name": name} for n, name in enumerate(names, 7)],
            "categories": [{"id": n, "name": name} for n, name in enumerate(classes, 3)],
            "annotations": [],
        }
        ids.write_text(json.dumps(document))

    def look(*_: Any) -> None:
        raise AssertionError("an image was looked at")

    monkeypatch.setattr("playhead.detection.predict_files.iter_predictions", look)
    arguments = (bundle, tmp_path / "photos", "--out", tmp_path / "found", "--ids", ids)
    finished = run("detection", "predict", *arguments)
    assert finished.code == 2
    assert said in finished.err
    assert not (tmp_path / "found").exists()
