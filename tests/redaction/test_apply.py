"""Applying a track file: the same video as running, and what a person changed about it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from playhead.events.formats.tracks import read_tracks, write_tracks
from playhead.media import VideoWriter, open_video
from tests.command import playhead, playhead_json, run
from tests.redaction.conftest import FRAMES, HEIGHT, WIDTH, brightest, draw, write

pytestmark = pytest.mark.usefixtures("networks")

DARK = 90


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A video whose tracks are there, and no redacted copy."""
    source = write(tmp_path / "street.mp4")
    playhead("redaction", "detect", source, "--hide", "face")
    return source


def bright_frames(redacted: Path) -> list[int]:
    return [k for k, level in enumerate(brightest(redacted)) if level > DARK]


def test_detect_writes_tracks_and_no_video(street: Path) -> None:
    assert sorted(path.name for path in street.parent.iterdir()) == [
        "street.mp4",
        "street.tracks.npz",
    ]
    assert read_tracks(street.parent / "street.tracks.npz").settings["precision"] == {
        "fake": "fp32"
    }


def test_applying_tracks_gives_the_images_that_running_gives(street: Path) -> None:
    # Lossless: x264's quality control does not repeat itself to the last bit.
    lossless, out = ("--set", "write.crf=0"), street.parent / "run"
    playhead("redaction", "apply", street, *lossless)
    playhead("redaction", "run", street, "--hide", "face", "--out", out, *lossless)
    applied = street.parent / "street_redacted.mp4"
    with open_video(applied) as one, open_video(out / applied.name) as other:
        frames = range(0, FRAMES, 7)
        assert np.array_equal(one.read(frames), other.read(frames))


def test_a_kept_track_is_visible_and_its_choice_is_saved(street: Path) -> None:
    playhead("redaction", "apply", street, "--keep", "0")
    assert bright_frames(street.parent / "street_redacted.mp4") == list(range(FRAMES))
    assert read_tracks(street.parent / "street.tracks.npz").shown == {0}


def test_only_some_spans_are_hidden(street: Path) -> None:
    playhead("redaction", "apply", street, "--only", "0.4-0.8", "--only", "1.2-1.4")
    visible = [*range(10), *range(20, 30), *range(35, FRAMES)]
    assert bright_frames(street.parent / "street_redacted.mp4") == visible


def test_a_frame_that_is_displayed_into_a_span_is_hidden(tmp_path: Path) -> None:
    times = [0.0, 1.0, 2.0, 3.0, 8.0, 9.0]  # frame 3 is displayed from 3 s to 8 s
    source = tmp_path / "still.mp4"
    with VideoWriter(source, WIDTH, HEIGHT, times=times) as writer:
        for k in range(6):
            writer.write(draw(k))
    playhead("redaction", "detect", source, "--hide", "face")
    playhead("redaction", "apply", source, "--only", "5-9")
    assert bright_frames(tmp_path / "still_redacted.mp4") == [0, 1, 2, 5]
    playhead("redaction", "apply", source, "--only", "5-6", "--overwrite")
    assert bright_frames(tmp_path / "still_redacted.mp4") == [0, 1, 2, 4, 5]


@pytest.mark.slow
def test_what_was_decided_stays_is_said_and_can_be_undone(street: Path) -> None:
    redacted = street.parent / "street_redacted.mp4"
    playhead("redaction", "apply", street, "--keep", "0", "--only", "0-1")
    said = playhead("redaction", "apply", street, "--overwrite")
    assert "left visible: tracks 0 (undo with --keep none" in said
    assert "hidden only in 0-1 s (undo with --only all" in said
    assert bright_frames(redacted) == list(range(FRAMES))
    playhead("redaction", "apply", street, "--keep", "none", "--only", "all", "--overwrite")
    assert not bright_frames(redacted)


def test_the_style_that_was_applied_is_known_to_an_audit(street: Path) -> None:
    playhead("redaction", "apply", street, "--style", "mosaic")
    config = read_tracks(street.with_suffix(".tracks.npz")).settings["config"]
    assert config["style"]["style"] == "mosaic"


def test_edits_are_applied_and_go_into_the_track_file(street: Path) -> None:
    edits = street.parent / "street.edits.json"
    box = {"label": "face", "start": 0.0, "end": 1.6, "box": [0, 0, 160, 96]}
    document = {"schema": 1, "video": "street.mp4", "keep": [0], "hide": [], "boxes": [box]}
    edits.write_text(json.dumps({**document, "spans": []}))
    result = playhead_json("redaction", "apply", street, "--edits", edits)
    assert result["files"][0]["status"] == "ok"
    assert read_tracks(street.parent / "street.tracks.npz").tracks[0].id == 0
    assert len(read_tracks(street.parent / "street.tracks.npz").tracks) == 2
    assert not bright_frames(street.parent / "street_redacted.mp4")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--keep", "7"), "7 is not a track of street.mp4, which has 1"),
        (("--keep", "a"), "a is not a track"),
        (("--keep", "²"), "² is not a track"),
        (("--only", "100-200"), "has no frame;"),
        (("--only", "3"), "needs a span in seconds"),
        (("--only", "3-2"), "needs a span in seconds"),
        (("--tracks", "none.npz"), "none.npz: no such track file"),
        (("--set", "mask.scale=0"), "mask.scale"),
        (("--edits", "none.json"), "none.json"),
    ],
)
def test_a_wrong_choice_is_said_and_nothing_is_written(
    street: Path, arguments: tuple[str, str], message: str
) -> None:
    before = (street.parent / "street.tracks.npz").read_bytes()
    finished = run("redaction", "apply", street, *arguments)
    assert finished.code == 2
    assert message in finished.err
    assert not (street.parent / "street_redacted.mp4").exists()
    assert (street.parent / "street.tracks.npz").read_bytes() == before


def test_tracks_of_another_file_of_the_same_length_are_refused(street: Path) -> None:
    other = write(street.with_name("other.mp4"), square=False)
    tracks = street.with_suffix(".tracks.npz")
    finished = run("redaction", "apply", other, "--tracks", tracks)
    assert finished.code == 2
    assert "is not the file street.mp4" in finished.err
    assert not other.with_name("other_redacted.mp4").exists()


def test_a_renamed_video_keeps_its_tracks(street: Path) -> None:
    moved = street.rename(street.with_name("moved.mp4"))
    playhead("redaction", "apply", moved, "--tracks", street.with_suffix(".tracks.npz"))
    assert not bright_frames(street.with_name("moved_redacted.mp4"))


def test_no_path_from_a_track_file_is_followed(street: Path) -> None:
    path = street.with_suffix(".tracks.npz")
    file = read_tracks(path)
    config = {**file.settings["config"], "style": {"style": "image", "image": "/etc/passwd"}}
    write_tracks(path, replace(file, settings={**file.settings, "config": config}))
    playhead("redaction", "apply", street)  # a hatching stands for it


def test_tracks_of_an_earlier_version_are_refused_with_what_to_do(street: Path) -> None:
    path = street.with_suffix(".tracks.npz")
    file = read_tracks(path)
    config = file.settings["config"]
    config = {**config, "detection": {**config["detection"], "own": []}}
    write_tracks(path, replace(file, settings={**file.settings, "config": config}))
    finished = run("redaction", "apply", street)
    assert finished.code == 2
    assert "settings of an earlier version of Playhead" in finished.err
    assert "detect again with `playhead redaction detect --overwrite`" in finished.err


def test_a_configuration_that_is_not_a_mapping_is_refused(street: Path) -> None:
    path = street.with_suffix(".tracks.npz")
    write_tracks(path, replace(read_tracks(path), settings={"config": [1]}))
    finished = run("redaction", "apply", street)
    assert (finished.code, "not a mapping" in finished.err) == (2, True)


def test_the_networks_of_the_audit_are_asked_for_before_anything_is_rendered(
    street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(street.parent / "nothing here"))
    finished = run("redaction", "apply", street, "--audit")
    assert (finished.code, "playhead weights get blazeface" in finished.err) == (2, True)
    assert not (street.parent / "street_redacted.mp4").exists()


def test_an_old_audit_does_not_stay_beside_a_new_copy(street: Path) -> None:
    page = street.parent / "street_redacted.audit.html"
    page.write_text("old")
    playhead("redaction", "apply", street)
    assert not page.exists()


def test_an_existing_copy_is_refused_without_overwrite(street: Path) -> None:
    playhead("redaction", "apply", street)
    assert "--overwrite" in run("redaction", "apply", street).err
    playhead("redaction", "apply", street, "--overwrite")


def test_review_writes_one_page_beside_the_video(street: Path) -> None:
    page = Path(playhead_json("redaction", "review", street)["review"])
    assert page == street.parent / "street.review.html"
    assert "street.edits.json" in page.read_text(encoding="utf-8")
