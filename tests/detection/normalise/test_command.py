"""The command `playhead detection normalise`."""

import json
from pathlib import Path

from playhead.detection.labels.read import read_image_set
from tests.command import playhead
from tests.command import run as run_command
from tests.detection.label_sources import GOOD, yolo
from tests.detection.labels.image_files import draw


def scattered(root: Path) -> list[str]:
    """A folder of labels a class, all ids 0, one folder of images with a space in its name."""
    for place, name in enumerate("abcdefghij"):
        draw(root / "bilder ü" / f"{name}.jpg", seed=place)
        for folder in ("face", "car"):
            (root / folder).mkdir(exist_ok=True)
            (root / folder / f"{name}.txt").write_text(GOOD)
    return [f"face={root / 'face'}", f"car={root / 'car'}", "--images", str(root / "bilder ü")]


def test_the_command_makes_a_set_and_says_what_it_did(tmp_path: Path) -> None:
    sources = scattered(tmp_path)
    (tmp_path / "car" / "a.txt").write_text(f"{GOOD}{GOOD}0 1 1 1 1 .5\n")
    out = playhead(
        *("detection", "normalise", *sources, "--out", str(tmp_path / "set")),
        *("--classes", "car,face", "--split", "train=.5,valid=.5", "--map", "face=face"),
    )
    assert "duplicate" in out
    assert "extends past the edge" in out
    assert "10 images in 10 groups with 21 boxes" in out
    read = read_image_set(tmp_path / "set", split="train")
    assert len(read) == 5
    assert read.classes == ("car", "face")


def test_json_is_one_document_and_a_dry_run_writes_the_named_report_alone(tmp_path: Path) -> None:
    sources = scattered(tmp_path)
    document = json.loads(
        playhead(
            *("detection", "normalise", *sources, "--out", str(tmp_path / "set")),
            *("--dry-run", "--json", "--report", str(tmp_path / "report.json")),
        )
    )
    assert document["dry_run"] is True
    assert document["classes"] == {"face": 10, "car": 10}
    assert json.loads((tmp_path / "report.json").read_text()) == document
    assert not (tmp_path / "set").exists()


def test_an_image_whose_name_is_not_utf_8_is_left_out_and_counted(tmp_path: Path) -> None:
    root = yolo(tmp_path / "source", {"a": GOOD, "caf\udce9": GOOD})
    report = tmp_path / "report.json"
    asked = ("detection", "normalise", str(root), "--out", str(tmp_path / "set"))
    for dry in (["--dry-run"], []):
        finished = run_command(*asked, "--report", str(report), *dry)
        assert finished.code == 3, finished.err
        assert json.loads(report.read_text())["images"] == 1
        assert "the file name is not UTF-8" in report.read_text()
    assert [one.path.name for one in read_image_set(tmp_path / "set").images] == ["a.jpg"]


def test_a_report_that_cannot_be_written_is_refused_before_a_set_is_made(tmp_path: Path) -> None:
    root = yolo(tmp_path / "source", {"a": GOOD})
    asked = ("detection", "normalise", str(root), "--out", str(tmp_path / "set"))
    finished = run_command(*asked, "--report", str(root / "report.json"))
    assert (finished.code, "is inside the source" in finished.err) == (2, True)
    assert not (tmp_path / "set").exists()


def test_warnings_go_to_standard_error(tmp_path: Path) -> None:
    root = yolo(tmp_path / "source", {"a": GOOD})
    (root / "labels" / "b.txt").write_text(GOOD)
    finished = run_command("detection", "normalise", str(root), "--out", str(tmp_path / "set"))
    assert finished.code == 0
    assert "1 of 2 labels (50%) have no image" in finished.err
    assert "label without an image" in finished.out


def test_a_file_that_cannot_be_read_ends_with_three_and_the_set_is_made(tmp_path: Path) -> None:
    root = yolo(tmp_path / "source", {"a": GOOD, "b": GOOD})
    (root / "images" / "a.jpg").write_text("no image")
    finished = run_command("detection", "normalise", str(root), "--out", str(tmp_path / "set"))
    assert finished.code == 3
    assert len(read_image_set(tmp_path / "set")) == 1
    assert finished.out.splitlines()[-1] == (
        "exit code 3: 1 file could not be read (unreadable image: 1)"
    )
    (root / "images" / "a.jpg").unlink()
    whole = run_command("detection", "normalise", str(root), "--out", str(tmp_path / "set3"))
    assert (whole.code, "exit code" in whole.out) == (0, False)


def test_the_table_says_first_what_is_lost_and_where(tmp_path: Path) -> None:
    folder = tmp_path / ("a-folder-of-labels-with-a-long-name" * 3)
    names = {f"{'drive' * 6}-{k:04d}": GOOD for k in range(4)}
    root = yolo(folder, names, classes="car\n")
    files = sorted((root / "labels").iterdir())
    files[0].write_bytes(f"{GOOD}0 .25 .25 .25 .25 .5\n".encode())
    files[1].write_text(f"{GOOD}{GOOD}7 .5 .5 .25 .5\n0 .5 .5 nan .5\n0 1 .5 .25 .5\n")
    files[2].write_text("")
    images = sorted((root / "images").iterdir())
    images[3].write_text("not an image")
    finished = run_command("detection", "normalise", str(root), "--out", str(tmp_path / "set"))
    lines = finished.out.splitlines()
    order = [
        *("unreadable image", "not finite", "unknown class", "extends past the edge"),
        *("duplicate", "score", "label without boxes"),
    ]
    places = [next(k for k, line in enumerate(lines) if name in line) for name in order]
    assert places == list(range(1, 8))
    assert all(len(line) <= 120 for line in lines[:8])
    [faulty] = [line for line in lines if "unknown class" in line]
    assert "0001.txt: line 3" in faulty
    assert str(tmp_path) not in "".join(lines[1:8])


def test_short_places_stand_whole_with_what_is_wrong_there_where_that_fits(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": f"{GOOD}7 .5 .5 .25 .5\n"}, classes="car\n")
    out = playhead("detection", "normalise", str(root), "--out", str(tmp_path / "made"))
    [line] = [line for line in out.splitlines() if "unknown class" in line]
    assert line.endswith("labels/a.txt: line 2: class 7; known are 0 car")


def test_wrong_use_is_one_line_and_ends_with_two(tmp_path: Path) -> None:
    root = yolo(tmp_path / "source", {"a": GOOD})
    for options in (
        ("--out", str(root)),
        ("--out", str(tmp_path / "set"), "--split", "train"),
        ("--out", str(tmp_path / "set"), "--map", "car"),
        ("--out", str(tmp_path / "set"), "--set", "min_sise=3"),
    ):
        finished = run_command("detection", "normalise", str(root), *options)
        assert finished.code == 2
        assert finished.err.count("\n") == 1
        assert not (tmp_path / "set").exists()


def test_a_long_place_loses_its_folders_and_a_single_source_has_no_column(tmp_path: Path) -> None:
    faulty = f"{GOOD}7 .5 .5 .25 .5\n"
    names = {f"{'folder-' * 9}/frame-{k:04d}": faulty for k in range(2)}
    one = yolo(tmp_path / "one", names, classes="car\n")
    two = yolo(tmp_path / "two", {"b": faulty}, classes="car\n", seed=5)
    for sources, first in (([one], "found"), ([one, two], "source")):
        out = playhead(
            *("detection", "normalise", *map(str, sources), "--out", str(tmp_path / "made")),
            "--dry-run",
        )
        title, line, *_ = out.splitlines()
        assert first in title
        assert ("source" in title) is (len(sources) == 2)
        assert line.endswith("  .../frame-0000.txt: line 2: class 7; known are 0 car")
