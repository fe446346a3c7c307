"""The folder that normalising writes: whole or not at all, and nothing else is touched."""

from pathlib import Path

import pytest

from playhead.detection.labels.read import read_image_set
from playhead.detection.normalise import normalise
from playhead.detection.normalise import write as module
from playhead.errors import ConfigError, LabelError, StorageError
from playhead.events.images import ImageSet
from tests.detection.label_sources import (
    GOOD,
    boxes_of,
    checksums,
    config_of,
    found,
    run,
    yolo,
)
from tests.detection.labels.image_files import draw


def test_the_sources_are_untouched(tmp_path: Path) -> None:
    root = yolo(
        tmp_path / "set", {"a": GOOD, "b": "0 2 2 9 9\n", "c/a": b"\xef\xbb\xbf0 1 1 1 1\r\n"}
    )
    before = checksums(tmp_path)
    run(tmp_path / "out", root, split={"train": 0.5, "valid": 0.5})
    after = checksums(tmp_path)
    assert {name: after[name] for name in before} == before
    images = [one.path for one in read_image_set(tmp_path / "out").images]
    assert all(not path.is_symlink() and path.stat().st_nlink == 1 for path in images)


def test_a_dry_run_counts_the_same_and_writes_nothing(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": "0 .5 .5 0 .5\n"})
    before = checksums(tmp_path)
    dry = normalise(config_of(root), tmp_path / "out", dry_run=True).to_json()
    assert checksums(tmp_path) == before
    assert not (tmp_path / "out").exists()
    done = run(tmp_path / "out", root).to_json()
    assert (dry.pop("out"), dry.pop("dry_run")) == (None, True)
    assert {key: done[key] for key in dry} == dry


def test_a_folder_that_holds_something_is_kept_unless_it_is_such_a_set(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    run(tmp_path / "out", root)
    with pytest.raises(ConfigError, match="use --overwrite"):
        run(tmp_path / "out", root)
    (root / "labels" / "a.txt").write_text("1 .5 .5 .25 .5\n")
    normalise(config_of(root), tmp_path / "out", overwrite=True)
    assert boxes_of(tmp_path / "out") == {"a.jpg": [("plate", [24, 12, 40, 36])]}
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").touch()
    with pytest.raises(ConfigError, match="was not written by `normalise`"):
        normalise(config_of(root), tmp_path / "home", overwrite=True)


@pytest.mark.parametrize("place", ["set", "set/out", "."])
def test_a_folder_in_or_around_a_source_is_refused(place: str, tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    with pytest.raises(ConfigError, match="is inside a source or contains it"):
        normalise(config_of(root), tmp_path / place, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_where_writing_fails_nothing_is_left_and_the_old_set_stands(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD, "b": GOOD})
    if overwrite:
        run(tmp_path / "out", root)
    before = checksums(tmp_path)

    def full(found: ImageSet, folder: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_set", full)
    with pytest.raises(StorageError, match="No space left"):
        normalise(config_of(root), tmp_path / "out", overwrite=overwrite)
    assert checksums(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"set"} | ({"out"} if overwrite else set())


def test_no_image_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    (root / "images" / "a.jpg").unlink()
    with pytest.raises(LabelError, match=r"no image is left of set: .*1 of 1 labels \(100%\)"):
        run(tmp_path / "out", root)
    assert not (tmp_path / "out").exists()


def test_images_of_an_earlier_run_are_no_source_of_the_next(tmp_path: Path) -> None:
    draw(tmp_path / "a.jpg")
    rows = tmp_path / "boxes.csv"
    rows.write_text("image,label,x1,y1,x2,y2\na.jpg,car,1,2,30,40\n")
    for overwrite in (False, True):
        report = normalise(config_of(rows), tmp_path / "set", overwrite=overwrite)
        assert found(report) == {}
        assert boxes_of(tmp_path / "set") == {"a.jpg": [("car", [1, 2, 30, 40])]}


def test_an_interruption_while_a_set_is_replaced_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    run(tmp_path / "out", root)
    before = checksums(tmp_path)
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        normalise(config_of(root), tmp_path / "out", overwrite=True)
    assert checksums(tmp_path) == before


def test_what_was_made_is_made_again_unchanged(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD + "1 1 .5 .3 .5\n", "b/a": GOOD, "c": ""}, seed=3)
    run(tmp_path / "out", root, split={"train": 0.5, "valid": 0.5})
    report = run(tmp_path / "again", tmp_path / "out")
    assert found(report) == {"label without boxes": 1}
    for name in ("manifest.csv", "classes.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert boxes_of(tmp_path / "again") == boxes_of(tmp_path / "out")
