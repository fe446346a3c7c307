"""Faces that are not in the 8-bit colours of an image: in its transparency, or in dark samples."""

from collections.abc import Sequence
from pathlib import Path
from struct import pack
from zlib import compress

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.decisions.boxes import Boxes
from playhead.errors import MediaError
from playhead.execution.outcomes import FileOutcome
from playhead.media.stills import read_still, tone_ranges, toned
from playhead.progress import progress
from playhead.redaction.audit import AuditConfig, Auditor
from playhead.redaction.audit_report import AuditReport
from playhead.redaction.config import RedactionConfig
from playhead.redaction.images import paired_views, read_image, views_of, write_image
from playhead.redaction.resolved import resolve
from playhead.redaction.run import redact_files
from tests.media.test_stills import chunk
from tests.redaction.conftest import FakeDetector, use_detector

FACE = slice(40, 64), slice(60, 84)
STYLES = ("solid", "image", "fill", "mosaic", "blur")
WORD = 65535


class OddDetector(FakeDetector):
    """Finds in an image what is brighter or darker than its first pixel, by 50 levels."""

    name, labels = "other", ("face",)
    runs = 0

    def detect_still(self, image: NDArray[np.uint8]) -> dict[str, Boxes]:
        OddDetector.runs += 1
        rows, columns = np.nonzero(np.abs(image[..., 1].astype(int) - image[0, 0, 1]) > 50)
        if not len(rows):
            return {"face": Boxes.empty()}
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return {"face": Boxes(np.array([box], np.float32), np.array([0.9], np.float32))}

    def detect(
        self, images: Sequence[NDArray[np.uint8]], *, threshold: float = 0.0
    ) -> list[dict[str, Boxes]]:
        return [self.detect_still(image) for image in images]


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OddDetector, "runs", 0)
    use_detector(monkeypatch, OddDetector)
    monkeypatch.setattr(
        "playhead.redaction.audit_networks.require_weights", lambda names, command: None
    )
    monkeypatch.setattr(
        "playhead.redaction.audit_networks.open_detector", lambda name, threads: OddDetector()
    )


def config(style: str = "solid", colour: str = "black") -> RedactionConfig:
    values = {"hide": ["face"], "style": {"style": style, "colour": colour}}
    return RedactionConfig.model_validate(values)


def redacted(path: Path, style: str = "solid") -> tuple[FileOutcome, Path]:
    [file] = redact_files([path], config(style), overwrite=True).files
    assert file.status == "ok", file.reason
    return file, file.outputs[0]


def audit(original: Path, copy: Path, style: str = "solid", colour: str = "black") -> AuditReport:
    with progress("auditing", 1):
        return Auditor(resolve(config(style, colour)), AuditConfig(tile=200)).image(original, copy)


def transparent(colour: int, inside: int, outside: int, mode: str = "RGBA") -> Image.Image:
    """One colour everywhere; the face is in the alpha channel alone."""
    alpha = np.full((96, 160), outside, np.uint8)
    alpha[FACE] = np.where(np.indices((24, 24)).sum(axis=0) % 2, inside, outside)
    colours = [np.full_like(alpha, colour)] * (len(mode) - 1)
    return Image.merge(mode, [Image.fromarray(one) for one in (*colours, alpha)])


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("levels", "mode"),
    [((0, 0, 255), "RGBA"), ((255, 255, 0), "RGBA"), ((128, 255, 0), "LA"), ((40, 20, 220), "LA")],
)
def test_a_face_in_the_transparency_is_hidden_whatever_the_style(
    levels: tuple[int, int, int], mode: str, style: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    transparent(*levels, mode).save(path)
    file, copy = redacted(path, style)
    assert file.notes[0] == "hidden: 1 face"
    with Image.open(copy) as written:
        pixels = np.asarray(written.convert("RGBA"))
    assert np.all(pixels[FACE][..., 3] == 255)
    if style != "image":
        assert np.all(pixels[FACE] == pixels[FACE][0, 0])


@pytest.mark.parametrize("style", ["solid", "mosaic"])
@pytest.mark.parametrize("levels", [(255, 255, 0), (0, 0, 255)])
def test_the_audit_finds_a_face_in_the_transparency_and_none_once_it_is_hidden(
    levels: tuple[int, int, int], style: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    transparent(*levels).save(path)
    report = audit(path, path, style)
    assert [one.kind for one in report.exposures] == ["not hidden"]
    assert report.still
    before, after = report.crops[0]
    assert (before.shape[2], np.ptp(before) > 100) == (3, True)
    assert np.array_equal(before, after)
    if style == "solid":
        assert not audit(path, redacted(path)[1]).exposures


def test_colours_that_changed_under_a_transparency_that_did_not_hide_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    transparent(255, 255, 0).save(path)
    copy = tmp_path / "b.png"
    transparent(0, 255, 0).save(copy)
    assert [one.kind for one in audit(path, copy).exposures] == ["not hidden"]


def test_a_face_in_colours_that_are_fully_transparent_is_hidden_too(tmp_path: Path) -> None:
    pixels = np.zeros((96, 160, 4), np.uint8)
    pixels[FACE] = 200, 200, 200, 0
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    with Image.open(redacted(path)[1]) as written:
        assert np.all(np.asarray(written)[FACE] == (0, 0, 0, 255))


def test_an_image_on_white_and_on_black_is_as_pillow_composes_it(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    colours, on_white, on_black, alpha = views_of(*read_image(tmp_path / "a.png"))
    assert np.array_equal(colours, pixels[..., :3])
    for seen, ground in ((on_white, "white"), (on_black, "black")):
        composed = Image.alpha_composite(Image.new("RGBA", image.size, ground), image)
        far = seen.astype(int) - np.asarray(composed.convert("RGB"))
        assert np.abs(far).max() <= 1
    assert np.array_equal(alpha, np.repeat(pixels[..., 3:], 3, axis=2))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_opaque_image_is_looked_at_once(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (160, 96), "red").save(tmp_path / "a.png")
    _, copy = redacted(tmp_path / "a.png")
    assert OddDetector.runs == 1
    audit(tmp_path / "a.png", copy)
    assert OddDetector.runs == 2


def deep(lowest: int, highest: int, hot: int | None = None) -> NDArray[np.uint16]:
    """A dark image of 16 bits in which the face is the brightest, but for one hot pixel."""
    samples = np.full((96, 160), lowest, np.uint16)
    samples[FACE] = highest
    if hot is not None:
        samples[90, 150] = hot
    return samples


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("lowest", "highest"), [(0, 1023), (32768, 33791), (100, 4095)])
def test_a_face_in_dark_samples_of_sixteen_bits_is_hidden_and_the_rest_is_kept(
    lowest: int, highest: int, style: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    samples = deep(lowest, highest)
    Image.fromarray(samples).save(path)
    file, copy = redacted(path, style)
    assert file.notes == (
        "hidden: 1 face",
        f"most of its 16-bit samples are between {lowest} and {highest}: they were "
        "brightened for detection only",
    )
    with Image.open(copy) as written:
        assert written.mode == "I;16"
        left = np.asarray(written)
    outside = np.ones(samples.shape, bool)
    outside[30:74, 50:94] = False
    assert np.array_equal(left[outside], samples[outside])
    if style == "solid":
        assert np.all(left[FACE] == 0)
    if style == "fill":
        assert np.all(left[FACE] == lowest)


def test_a_face_is_found_in_a_dark_image_with_a_hot_pixel(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(deep(0, 1023, hot=WORD)).save(path)
    hot, face = audit(path, path).exposures
    assert (hot.box, face.kind) == ((150, 90, 151, 91), "not hidden")
    assert face.box[:2] == (60, 40)
    _, copy = redacted(path)
    with Image.open(copy) as written:
        assert np.asarray(written)[FACE].max() == 0


def test_the_audit_looks_at_dark_samples_as_brightly_as_the_search_did(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(deep(0, 1023)).save(path)
    assert [one.kind for one in audit(path, path).exposures] == ["not hidden"]
    _, copy = redacted(path)
    assert not audit(path, copy).exposures
    before, after = read_image(path), read_image(copy)
    [(seen, compared)] = paired_views(before, after)
    assert seen is compared
    assert seen[0][FACE].min() == 255
    assert seen[1][FACE].max() == 0
    Image.fromarray((deep(0, 1023) >> 8).astype(np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(MediaError, match="too few to compare with the dark"):
        audit(path, tmp_path / "b.png")


def test_what_hides_in_sixteen_bits_is_black_and_white_as_a_viewer_shows_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(deep(0, 1023)).save(path)
    [file] = redact_files([path], config(colour="white")).files
    with Image.open(file.outputs[0]) as written:
        assert np.all(np.asarray(written)[FACE] == WORD)
    assert not audit(path, file.outputs[0], colour="white").exposures


def test_the_ranges_of_samples_are_all_bits_their_own_and_that_of_most(tmp_path: Path) -> None:
    assert tone_ranges(deep(0, WORD)) == ((0, WORD),)
    assert tone_ranges(deep(0, 16384)) == ((0, WORD),)
    assert tone_ranges(deep(0, 16383)) == ((0, 16383),)
    assert tone_ranges(deep(7, 7)) == ((7, 7),)
    assert tone_ranges(deep(0, 1023, hot=WORD)) == ((0, WORD), (0, 1023))
    assert tone_ranges(deep(5, 105, hot=1023)) == ((5, 1023), (5, 105))
    assert toned(deep(0, 1023), (0, 1023))[..., 0].max() == 255
    Image.fromarray(deep(0, 1023)).save(tmp_path / "a.png")
    assert read_still(tmp_path / "a.png")[FACE].min() == 255


@pytest.mark.parametrize(
    ("value", "refused"), [(0x00FF, False), (0x0100, True), (0x0F00, True), (0x1000, False)]
)
def test_colour_of_sixteen_bits_that_is_all_but_black_is_refused(
    value: int, refused: bool, tmp_path: Path
) -> None:
    """Only the upper eight bits are read and written; where they are all one nothing is left."""
    row = b"\0" + pack(">6H", 0, 0, 0, value, value, value)
    head = pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", compress(row)) + chunk(b"IEND", b"")
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    if refused:
        with pytest.raises(MediaError, match="save it with 8 bits"):
            read_image(path)
    else:
        assert read_image(path)[1].notes == ("16 bits a sample became 8",)


def test_a_big_endian_image_of_sixteen_bits_is_written_as_it_was(tmp_path: Path) -> None:
    samples = deep(0, 1023)
    big = Image.frombytes("I;16B", (160, 96), samples.astype(">u2").tobytes())
    big.save(tmp_path / "a.tif")
    pixels, info = read_image(tmp_path / "a.tif")
    write_image(tmp_path / "out" / "a.tif", pixels, info)
    with Image.open(tmp_path / "out" / "a.tif") as written:
        assert np.array_equal(np.asarray(written), samples)
