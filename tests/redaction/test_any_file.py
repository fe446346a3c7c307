"""Files under any name: redacted as what they are, and every one of a folder counted."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from playhead.errors import PlayheadError
from playhead.execution.outcomes import FileOutcome
from playhead.media import open_video
from playhead.redaction.config import RedactionConfig
from playhead.redaction.run import redact_files
from tests.command import playhead_json
from tests.command import run as command
from tests.redaction.conftest import brightest, draw, write
from tests.redaction.test_audit import auditor

__all__ = ["auditor"]

pytestmark = pytest.mark.usefixtures("networks", "auditor")

FACES = RedactionConfig(hide=("face",), threads=1)
DARK = 90
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500)


def still(path: Path, made: str = "JPEG", **options: Any) -> Path:
    Image.fromarray(draw(3)).save(path, made, **options)
    return path


def moving(path: Path, made: str) -> Path:
    frames = [Image.fromarray(draw(k)) for k in range(12)]
    times = [40, 80, 40] * 4
    frames[0].save(path, made, save_all=True, append_images=frames[1:], duration=times, loop=0)
    return path


def run(*paths: Path, **options: Any) -> dict[str, FileOutcome]:
    return {file.path.name: file for file in redact_files(paths, FACES, **options).files}


def darkest(path: Path) -> int:
    """The brightest level that is left."""
    with Image.open(path) as image:
        return int(np.asarray(image.convert("RGB")).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "made", "copy", "note"),
    [
        ("a.heic", "JPEG", "a_redacted.jpg", "its content is JPEG: the copy is written as JPEG"),
        ("a", "JPEG", "a_redacted.jpg", "its content is JPEG: the copy is written as JPEG"),
        ("a.jpg", "PNG", "a_redacted.png", "its content is PNG: the copy is written as PNG"),
        ("a.mp4", "WEBP", "a_redacted.webp", "its content is WEBP: the copy is written as WEBP"),
        ("a.gif", "GIF", "a_redacted.png", "its content is GIF: the copy is written as PNG"),
        ("a.mpo", "MPO", "a_redacted.jpg", "its content is JPEG: the copy is written as JPEG"),
        ("a.JFIF", "JPEG", "a_redacted.JFIF", None),
        ("a.jpeg", "JPEG", "a_redacted.jpeg", None),
        ("a.dib", "BMP", "a_redacted.dib", None),
    ],
)
def test_a_copy_of_an_image_ends_in_what_fits_its_content(
    name: str, made: str, copy: str, note: str | None, tmp_path: Path
) -> None:
    [file] = run(still(tmp_path / name, made)).values()
    assert (file.status, file.outputs) == ("ok", (tmp_path / copy,))
    assert (f"{note}, {copy}" in file.notes) == (note is not None)
    assert any("its content is" in one for one in file.notes) == (note is not None)
    assert darkest(tmp_path / copy) < DARK
    audited = command("redaction", "audit", tmp_path / name, tmp_path / copy)
    assert (audited.code, "0 exposed faces in the image" in audited.out) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.jpg", "a", "a.heic"])
def test_a_video_under_another_name_is_redacted_as_a_video(name: str, tmp_path: Path) -> None:
    source = write(tmp_path / "made.mp4").rename(tmp_path / name)
    copy = tmp_path / "a_redacted.mp4"
    [file] = run(source).values()
    assert (file.status, file.outputs) == ("ok", (copy, tmp_path / "a.tracks.npz"))
    assert max(brightest(copy)) < DARK
    assert command("redaction", "audit", source, copy).code == 0
    assert command("redaction", "apply", source, "--overwrite").code == 0
    assert command("redaction", "review", source).code == 0


@pytest.mark.parametrize("made", ["GIF", "PNG"])
def test_a_gif_and_a_png_that_move_become_videos_with_their_times(
    made: str, tmp_path: Path
) -> None:
    source = moving(tmp_path / f"a.{made.lower()}", made)
    copy = tmp_path / "a_redacted.mp4"
    [file] = run(source).values()
    assert (file.status, file.outputs[0]) == ("ok", copy)
    assert max(brightest(copy)) < DARK
    with open_video(copy) as video:
        assert video.times[:4].tolist() == pytest.approx([0, 0.04, 0.12, 0.16])
    assert command("redaction", "audit", source, copy).code == 0


def test_a_webp_that_moves_fails_with_the_remedy(tmp_path: Path) -> None:
    [file] = run(moving(tmp_path / "a.webp", "WEBP")).values()
    assert (file.status, file.outputs) == ("failed", ())
    assert "is animated (12 frames); save it as a video (MP4)" in str(file.reason)


def test_every_image_and_video_of_a_folder_is_done_or_named_and_the_code_is_3(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.heic", "b.jfif", "deep/c", "d.jpg"):
        still(folder / name)
    still(folder / "e.gif", "GIF")
    still(folder / "f.mpo", "MPO")
    moving(folder / "g.gif", "GIF")
    write(folder / "made.mp4", 12).rename(folder / "h")
    (folder / "real.HEIC").write_bytes(HEIC)
    (folder / "empty.avif").touch()
    (folder / "text.jpg").write_text("no image")
    others = ["notes.txt", "a.json", "a.tracks.npz", "a_redacted.audit.html", "sums"]
    others += ["a_redacted.jpg", "h_redacted.mp4", ".x1y2.partial.jpg", ".x1y2.partial.mp4"]
    for name in others:
        (folder / name).write_bytes(b"as it was")
    result = playhead_json(
        "redaction", "run", folder, "--out", tmp_path / "out", "--hide", "face", code=3
    )
    ended = {Path(file["path"]).name: file["status"] for file in result["files"]}
    failed = {"real.HEIC": "failed", "empty.avif": "failed", "text.jpg": "failed"}
    done = ("a.heic", "b.jfif", "c", "d.jpg", "e.gif", "f.mpo", "g.gif", "h")
    assert ended == dict.fromkeys(done, "ok") | failed
    [reason] = [file["reason"] for file in result["files"] if file["path"].endswith("HEIC")]
    assert "is an image (HEIC), not one that can be read here; convert it to JPEG" in reason
    written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*"))
    assert written == [
        *("a_redacted.jpg", "b_redacted.jfif", "d_redacted.jpg", "deep", "deep/c_redacted.jpg"),
        *("e_redacted.png", "f_redacted.jpg", "g.tracks.npz", "g_redacted.mp4", "h.tracks.npz"),
        "h_redacted.mp4",
    ]
    assert {(folder / name).read_bytes() for name in others} == {b"as it was"}


def test_a_photo_beside_its_heic_is_no_clash_and_two_copies_of_one_name_are(
    tmp_path: Path,
) -> None:
    still(tmp_path / "a.jpg")
    (tmp_path / "a.heic").write_bytes(HEIC)
    ended = {name: file.status for name, file in run(tmp_path).items()}
    assert ended == {"a.jpg": "ok", "a.heic": "failed"}
    still(tmp_path / "a.heic")
    with pytest.raises(PlayheadError, match="would write to the same outputs"):
        run(tmp_path, overwrite=True)


def test_tracks_are_found_of_every_video_of_a_folder_and_of_nothing_else(tmp_path: Path) -> None:
    still(tmp_path / "a.jpg")
    with pytest.raises(PlayheadError, match="has no video;"):
        run(tmp_path, only_tracks=True)
    write(tmp_path / "made.mp4", 12).rename(tmp_path / "b.jpg")
    write(tmp_path / "c_redacted.mp4", 12)
    (tmp_path / "d.mp4").write_bytes(b"no video")
    ended = {name: file.status for name, file in run(tmp_path, only_tracks=True).items()}
    assert ended == {"b.jpg": "ok", "d.mp4": "failed"}


@pytest.mark.parametrize("verb", ["review", "apply"])
def test_an_image_has_no_tracks_to_review_or_to_apply(verb: str, tmp_path: Path) -> None:
    finished = command("redaction", verb, still(tmp_path / "a.mp4"))
    assert (finished.code, "use `redaction run`" in finished.err) == (2, True)


@pytest.mark.parametrize("call", ["scandir", "stat"])
def test_a_folder_that_may_not_be_listed_or_entered_is_an_error_that_names_it(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    still(tmp_path / "a.jpg")
    (tmp_path / "closed").mkdir()
    still(tmp_path / "closed" / "b.jpg")
    allowed = getattr(os, call)

    def refuse(path: Any, **options: Any) -> Any:
        if Path(path).name == {"scandir": "closed", "stat": "b.jpg"}[call]:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return allowed(path, **options)

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(PlayheadError, match=r"closed.*: cannot be listed \(Permission denied\)"):
        run(tmp_path)
