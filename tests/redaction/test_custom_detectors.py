"""Redaction with custom detectors: a graph that detects red in place of packaged networks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.config import validate
from playhead.decisions.boxes import Boxes
from playhead.errors import BundleError, ConfigError, WeightsError
from playhead.events.formats.tracks import read_tracks
from playhead.events.model import Origin
from playhead.inference.detectors.custom import checksum_of
from playhead.inference.runtime import OpenVinoBackend
from playhead.media import VideoWriter, open_video
from playhead.redaction.config import RedactionConfig
from playhead.redaction.detect import RedactionDetector
from playhead.redaction.resolved import recorded_redaction, resolve
from tests.command import playhead, playhead_json, run
from tests.detector_bundle import write_detector_bundle

FRAMES, WIDTH, HEIGHT = 12, 160, 96
RED = (220, 0, 14)
SQUARE = (64, 32, 80, 48)


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packaged networks are nowhere: what needs them fails."""

    def refuse(names: Sequence[str], group: str) -> None:
        if names:
            raise WeightsError(f"asked for {', '.join(names)}")

    monkeypatch.setattr("playhead.redaction.run.require_weights", refuse)
    monkeypatch.setattr("playhead.redaction.audit_networks.require_weights", refuse)


def scene(colour: tuple[int, int, int] = RED) -> NDArray[np.uint8]:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    x1, y1, x2, y2 = SQUARE
    image[y1:y2, x1:x2] = colour
    return image


def write(path: Path) -> Path:
    with VideoWriter(path, WIDTH, HEIGHT, 25) as writer:
        for _ in range(FRAMES):
            writer.write(scene())
    return path


def reddest(path: Path) -> int:
    with open_video(path) as video:
        return max(int(image[..., 0].max()) for _, image in video.stream(pixels="rgb"))


def config_of(*bundles: Path, **values: Any) -> RedactionConfig:
    detection = {"bundles": [str(one) for one in bundles], **values.pop("detection", {})}
    return validate(
        RedactionConfig, {"threads": 1, "detection": detection, **values}, source="the test"
    )


@pytest.mark.slow
@pytest.mark.parametrize("label", ["car", "dog"])
def test_what_a_bundle_finds_is_hidden_without_any_packaged_network(
    tmp_path: Path, label: str
) -> None:
    source = write(tmp_path / "a.mp4")
    bundle = write_detector_bundle(tmp_path / "street", (label,))
    assert reddest(source) > 150
    playhead("redaction", "run", source, "--hide", label, "--bundle", bundle.folder)
    assert reddest(tmp_path / "a_redacted.mp4") < 60
    tracks = read_tracks(tmp_path / "a.tracks.npz")
    assert {track.label for track in tracks.tracks} == {label}
    assert tracks.classes == (label,)


@pytest.mark.slow
def test_a_track_file_names_the_bundle_by_its_checksum_and_no_place(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    playhead("redaction", "detect", source, "--hide", "dog", "--bundle", bundle.folder)
    settings = read_tracks(tmp_path / "a.tracks.npz").settings
    [recorded] = settings["custom_detectors"]
    assert recorded == {
        "name": "street",
        "sha256": checksum_of(bundle),
        "classes": ["dog"],
    }
    assert str(tmp_path) not in json.dumps(settings)
    # It is rendered where the bundle is not.
    bundle.folder.rename(tmp_path / "choose another folder")
    playhead("redaction", "apply", source, "--style", "fill")
    assert reddest(tmp_path / "a_redacted.mp4") < 60
    assert str(tmp_path) not in json.dumps(read_tracks(tmp_path / "a.tracks.npz").settings)


def test_an_image_is_hidden_too(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "a.png")
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    playhead("redaction", "run", tmp_path / "a.png", "--hide", "dog", "--bundle", bundle.folder)
    with Image.open(tmp_path / "a_redacted.png") as opened:
        assert np.asarray(opened)[..., 0].max() == 0


def test_a_class_that_nobody_finds_is_answered_with_all_that_are_found(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    bundle = write_detector_bundle(tmp_path / "street", ("dog", "car"))
    finished = run("redaction", "run", source, "--hide", "cat", "--bundle", bundle.folder)
    assert finished.code == 2
    assert "--hide cat: unknown class cat; choose from face, plate, person, head, car, dog" in (
        finished.err
    )
    assert (
        "choose from face, plate, person, head, car"
        in run("redaction", "run", source, "--hide", "dog").err
    )


def test_a_bundle_that_finds_nothing_of_what_is_hidden_is_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("dog", "car"))
    with pytest.raises(ConfigError, match="detects dog, car, but none of these is hidden; add"):
        resolve(config_of(bundle.folder, hide=["face"]))
    with pytest.raises(BundleError, match="is not a bundle"):
        resolve(config_of(tmp_path, hide=["car"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "found"),
    [
        ((), False),
        (("--threshold", "0.5"), True),
        (("--set", "detection.thresholds.dog=0.5"), True),
        (("--set", "detection.thresholds.dog=0.95"), False),
    ],
)
def test_thresholds_are_those_of_the_bundle_unless_one_is_said(
    tmp_path: Path, said: tuple[str, ...], found: bool
) -> None:
    source = write(tmp_path / "a.mp4")
    decisions = {"thresholds": {"dog": 0.9}}
    bundle = write_detector_bundle(tmp_path / "street", ("dog",), post_processing=decisions)
    playhead("redaction", "detect", source, "--hide", "dog", "--bundle", bundle.folder, *said)
    assert (len(read_tracks(tmp_path / "a.tracks.npz").tracks) > 0) == found


def test_a_threshold_of_a_class_that_is_none_is_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    with pytest.raises(ConfigError, match="thresholds: unknown class dgo; choose from .*, dog"):
        resolve(config_of(bundle.folder, hide=["dog"], detection={"thresholds": {"dgo": 0.5}}))


class Packaged:
    """Stands for a packaged network: it finds its label at one place, always."""

    def __init__(
        self, name: str, threads: int | None, precision: str, plate_size: int | None
    ) -> None:
        self.name = name
        self.labels = ("face",) if name == "centerface" else ("person", "car")

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float
    ) -> list[dict[str, Boxes]]:
        box = Boxes(np.array([[4, 4, 20, 24]], np.float32), np.array([0.7], np.float32))
        return [dict.fromkeys(self.labels, box) for _ in images]


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playhead.redaction.run.require_weights", lambda names, group: None)
    monkeypatch.setattr("playhead.inference.detectors.objects.open_detector", Packaged)


@pytest.mark.usefixtures("packaged")
def test_each_class_comes_from_the_bundle_that_knows_it_or_else_from_the_package(
    tmp_path: Path,
) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("car",))
    redaction = resolve(config_of(bundle.folder, hide=["face", "car"]))
    assert redaction.weights() == ["centerface"]
    assert redaction.detectors("car") == ("street",)
    [found] = RedactionDetector(redaction).detect([scene()])
    assert list(found) == ["face", "car"]
    assert found["face"].boxes.tolist() == [[4, 4, 20, 24]]
    middle = (found["car"].boxes[0, :2] + found["car"].boxes[0, 2:]) / 2
    assert (middle > SQUARE[:2]).all()
    assert (middle < SQUARE[2:]).all()


@pytest.mark.usefixtures("packaged")
def test_heads_are_the_bundle_s_own_or_derived_from_what_it_and_others_find(
    tmp_path: Path,
) -> None:
    source = write(tmp_path / "a.mp4")
    for label, origin in [("head", Origin.DETECTED), ("face", Origin.DERIVED)]:
        bundle = write_detector_bundle(tmp_path / label, (label,))
        options = ("--hide", "head", "--bundle", bundle.folder, "--overwrite")
        playhead("redaction", "detect", source, *options)
        tracks = read_tracks(tmp_path / "a.tracks.npz").tracks
        seen = {int(one) for track in tracks for one in track.origin}
        assert {int(Origin.DETECTED), int(Origin.DERIVED)} & seen == {int(origin)}
        redaction = resolve(config_of(bundle.folder, hide=["head"]))
        expected = ("head",) if label == "head" else ("face", "people")
        assert redaction.detectors("head") == expected


def test_tiles_find_what_the_whole_does_and_orphans_are_doubted_once(tmp_path: Path) -> None:
    decisions = {"parents": {"plate": "car"}, "orphan": 0.5}
    bundle = write_detector_bundle(tmp_path / "street", post_processing=decisions)
    # Twice as wide as high: neither the whole nor a tile of 96 needs grey, which would be a car.
    green, red = (
        np.pad(scene(colour), ((0, 0), (0, 32), (0, 0))) for colour in [(0, 220, 14), RED]
    )
    for tile in (None, 96):
        detection = {"tile": tile, "overlap": 32}
        config = config_of(bundle.folder, hide=["plate"], detection=detection)
        [found] = RedactionDetector(resolve(config)).detect([green])
        assert found["plate"].scores.max() == pytest.approx(0.5 * 220 / 255, abs=1e-4)
        [held] = RedactionDetector(resolve(config)).detect([np.maximum(green, red)])
        assert held["plate"].scores.max() == pytest.approx(220 / 255, abs=1e-4)


def test_several_bundles_are_one_ensemble(tmp_path: Path) -> None:
    same = [write_detector_bundle(tmp_path / name, ("dog",)).folder for name in "ab"]
    other = write_detector_bundle(tmp_path / "c", ("cat", "dog")).folder
    [found] = RedactionDetector(resolve(config_of(*same, hide=["dog"]))).detect([scene()])
    assert found["dog"].scores.max() == pytest.approx(220 / 255, abs=1e-4)
    # Red is a cat to the other, no dog: two of three see the dog.
    redaction = resolve(config_of(*same, other, hide=["dog", "cat"]))
    [found] = RedactionDetector(redaction).detect([scene()])
    assert found["dog"].scores.max() == pytest.approx(2 / 3 * 220 / 255, abs=1e-4)
    assert found["cat"].scores.max() == pytest.approx(220 / 255, abs=1e-4)
    assert redaction.detectors("dog") == ("a", "b", "c")


def test_a_bundle_that_fails_hides_everything_or_gives_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.mp4")
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    answer, runs = OpenVinoBackend.run, []

    def broken(self: OpenVinoBackend, part: str, inputs: NDArray[Any]) -> NDArray[np.float32]:
        runs.append(len(inputs))
        found = answer(self, part, inputs)
        return found if len(runs) == 1 else found * np.nan

    monkeypatch.setattr(OpenVinoBackend, "run", broken)
    options = ("--hide", "dog", "--bundle", bundle.folder, "--set", "detection.every_seconds=0")
    result = playhead_json("redaction", "run", source, *options, code=3)
    assert result["files"][0]["status"] == "partial"
    assert "numbers that are not finite" in result["files"][0]["reason"]
    assert "wholly hidden" in result["files"][0]["reason"]


def test_a_bundle_that_was_changed_since_it_was_named_is_refused(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    redaction = resolve(config_of(bundle.folder, hide=["dog"]))
    write_detector_bundle(tmp_path / "street", ("dog",), post_processing={"overlap": 0.5})
    with pytest.raises(
        BundleError,
        match="the checksums are not those of the custom detectors of the redaction, street",
    ):
        RedactionDetector(redaction)


@pytest.mark.slow
def test_a_class_that_only_a_bundle_knows_is_audited_by_it_in_tiles(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    options = ("--hide", "dog", "--bundle", bundle.folder, "--audit")
    told = playhead("redaction", "run", source, *options)
    assert "but dogs were checked only by the network that hid them" in told
    hidden = playhead_json("redaction", "run", source, *options, "--overwrite")
    [report] = hidden["audits"].values()
    assert report["classes"]["dog"]["network"] == "street"
    # The track file names the detector by its checksum; an audit of it alone needs the folder.
    arguments = ("redaction", "audit", source, tmp_path / "a_redacted.mp4")
    finished = run(*arguments)
    assert finished.code == 4
    assert (
        "dogs: not audited (the folder of its custom detector, street, is unknown; give"
        in finished.out
    )
    playhead(*arguments, "--bundle", bundle.folder)
    same = write(tmp_path / "same.mp4")
    tracks = ("--tracks", tmp_path / "a.tracks.npz")
    found = playhead_json(
        "redaction", "audit", source, same, *tracks, "--bundle", bundle.folder, code=4
    )
    assert {one["frame"] for one in found["exposures"]} == {0, 6, 11}
    rendered = ("redaction", "apply", source, "--audit", "--overwrite")
    assert run(*rendered).code == 4
    playhead(*rendered, "--bundle", bundle.folder)


@pytest.mark.slow
def test_another_bundle_than_the_one_that_hid_is_refused_by_an_audit(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    other = write_detector_bundle(tmp_path / "other", ("dog",), longest=320)
    playhead("redaction", "run", source, "--hide", "dog", "--bundle", bundle.folder)
    arguments = ("redaction", "audit", source, tmp_path / "a_redacted.mp4")
    finished = run(*arguments, "--bundle", other.folder)
    assert (
        finished.code,
        "the checksums are not those of the custom detectors of the redaction, street"
        in finished.err,
    ) == (
        2,
        True,
    )
    with pytest.raises(ConfigError, match="the redaction used no custom detector"):
        resolve(RedactionConfig()).located([other.folder])


@pytest.mark.usefixtures("packaged")
def test_frames_are_read_no_larger_than_the_networks_need_them(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("car",), longest=416).folder
    sizes = [
        ({}, ["car"], (416, 234)),
        ({"bundle_size": 640}, ["car"], (640, 360)),
        ({"size": 1280}, ["car"], (416, 234)),
        ({"size": 1280}, ["car", "face"], (1280, 720)),
        ({"size": 300}, ["car", "face"], (416, 234)),
        ({"tile": 640}, ["car"], (1920, 1080)),
    ]
    for detection, hide, size in sizes:
        config = config_of(bundle, hide=hide, detection=detection)
        assert RedactionDetector(resolve(config)).read_size(1920, 1080) == size


@pytest.mark.parametrize("enlarged", [False, True])
def test_small_images_are_enlarged_where_a_bundle_saw_them_so(
    tmp_path: Path, enlarged: bool
) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("car",), longest=320, enlarge=enlarged)
    detector = RedactionDetector(resolve(config_of(bundle.folder, hide=["car"])))
    for found in (detector.detect([scene()])[0], detector.detect_still(scene())):
        side = float(np.ptp(found["car"].boxes[0, [0, 2]]))
        assert side == pytest.approx(14 if enlarged else 28, abs=0.5)


def test_a_track_file_gives_back_the_redaction_that_it_records(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4")
    decisions = {"thresholds": {"dog": 0.7}}
    bundle = write_detector_bundle(tmp_path / "street", ("dog",), post_processing=decisions)
    playhead("redaction", "detect", source, "--hide", "dog", "--bundle", bundle.folder)
    file = read_tracks(tmp_path / "a.tracks.npz")
    recorded = recorded_redaction(file, tmp_path / "a.tracks.npz")
    resolved = resolve(config_of(bundle.folder, hide=["dog"]))
    assert recorded.bundles == resolved.bundles
    assert recorded.threshold("dog") == resolved.threshold("dog") == 0.7
    assert recorded.located([bundle.folder]).config.detection.bundles == (str(bundle.folder),)
    stricter = recorded_redaction(file, tmp_path, ["detection.thresholds.dog=0.9"])
    assert stricter.threshold("dog") == 0.9


@pytest.mark.slow
def test_worker_processes_write_what_one_process_writes(tmp_path: Path) -> None:
    bundle = write_detector_bundle(tmp_path / "street", ("dog",))
    originals = tmp_path / "in"
    originals.mkdir()
    for name in "abc":
        write(originals / f"{name}.mp4")
    Image.fromarray(scene()).save(originals / "d.png")
    (originals / "broken.mp4").write_bytes(b"not a video")
    arguments = ("redaction", "run", originals, "--hide", "dog", "--bundle", bundle.folder)
    exact = ("--threads", "1", "--precision", "fp32")
    for executor in ("serial", "processes"):
        out = ("--executor", executor, *exact, "--out", tmp_path / executor)
        result = playhead_json(*arguments, *out, code=3)
        ended = {Path(file["path"]).stem: file["status"] for file in result["files"]}
        assert ended == {"a": "ok", "b": "ok", "broken": "failed", "c": "ok", "d": "ok"}
    serial, parallel = (
        {path.name: path.read_bytes() for path in (tmp_path / executor).iterdir()}
        for executor in ("serial", "processes")
    )
    assert parallel.keys() == serial.keys()
    for name in serial:
        if not name.endswith(".npz"):
            assert parallel[name] == serial[name]
            continue
        one, other = (read_tracks(tmp_path / kind / name) for kind in ("serial", "processes"))
        assert other.settings == one.settings
        for track, same in zip(one.tracks, other.tracks, strict=True):
            assert np.array_equal(track.boxes, same.boxes)


def test_workers_are_refused_without_processes(tmp_path: Path) -> None:
    finished = run("redaction", "run", write(tmp_path / "a.mp4"), "--workers", "2")
    assert (finished.code, "add --executor processes" in finished.err) == (2, True)


def test_bundle_info_prints_the_thresholds_of_a_detector_and_how_to_hide_with_it(
    tmp_path: Path,
) -> None:
    decisions = {"thresholds": {"car": 0.45}, "parents": {"plate": "car"}, "orphan": 0.25}
    bundle = write_detector_bundle(tmp_path / "street", post_processing=decisions)
    told = playhead("bundle", "info", bundle.folder)
    assert "Confidence thresholds: car 0.45, plate 0.3." in told
    assert (
        "Parents: plate in car; the score of a box outside of them is multiplied by 0.25." in told
    )
    assert f"playhead redaction run VIDEO --bundle {bundle.folder} --hide car,plate" in told
    flat = write_detector_bundle(tmp_path / "flat", ("dog",))
    assert "Parents" not in playhead("bundle", "info", flat.folder)
