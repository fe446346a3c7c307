"""New images out of a set: the same from the same seed, labelled as the record says."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playhead.detection.labels.read import read_image_set
from playhead.detection.synthesis import synthesise as synthesis_module
from playhead.detection.synthesis.config import SynthesisConfig
from playhead.detection.synthesis.synthesise import synthesise
from playhead.errors import ConfigError, LabelError, MediaError
from tests.command import playhead_json, run

WIDTH, HEIGHT = 160, 120
RED, BLUE = (220, 20, 20), (20, 20, 220)
Row = tuple[int, int, int, int, int]  # class, x1, y1, x2, y2


def _write_image(path: Path, rows: list[Row], seed: int) -> None:
    """Grey noise, with a red square for each car and a blue one for each plate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.random.default_rng(seed).integers(100, 140, (HEIGHT, WIDTH, 1))
    pixels = np.repeat(grey, 3, axis=2).astype(np.uint8)
    for label, x1, y1, x2, y2 in rows:
        pixels[y1:y2, x1:x2] = (RED, BLUE)[label]
    Image.fromarray(pixels).save(path)


def _write_set(
    folder: Path, images: dict[str, list[Row]], splits: dict[str, str] | None = None
) -> Path:
    lines = ["video,labels,group,view,split,offset"]
    for seed, (name, rows) in enumerate(images.items()):
        _write_image(folder / "images" / f"{name}.png", rows, seed)
        text = "".join(
            f"{label} {(x1 + x2) / 2 / WIDTH} {(y1 + y2) / 2 / HEIGHT} "
            f"{(x2 - x1) / WIDTH} {(y2 - y1) / HEIGHT}\n"
            for label, x1, y1, x2, y2 in rows
        )
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{name}.txt").write_text(text)
        lines.append(f"images/{name}.png,labels/{name}.txt,,,{(splits or {}).get(name, '')},")
    (folder / "classes.txt").write_text("car\nplate\n")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A car with its plate, a car alone, and a street without either."""
    return _write_set(
        tmp_path / "set",
        {
            "a": [(0, 20, 30, 60, 70), (1, 30, 54, 46, 64)],
            "b": [(0, 90, 20, 130, 50)],
            "c": [],
        },
    )


def _sums(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): _sum(path) for path in files}


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "synthesis.json").read_text())
    return document


def _reds(image: NDArray[np.uint8]) -> int:
    apart = image.astype(int)
    return int(((apart[..., 0] - apart[..., 1:].max(axis=2)) > 60).sum())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files_and_another_gives_others(
    source: Path, tmp_path: Path
) -> None:
    sums = []
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        synthesise(source, tmp_path / name, count=4, seed=seed)
        sums.append(_sums(tmp_path / name))
    assert sums[0] == sums[1]
    assert not set(sums[0].values()) & {sums[2][k] for k in sums[2] if k.startswith("images")}


@pytest.mark.slow
@pytest.mark.parametrize("start", [None, 3])
def test_going_on_gives_what_all_at_once_gives(
    source: Path, tmp_path: Path, start: int | None
) -> None:
    synthesise(source, tmp_path / "whole", count=7, seed=1)
    synthesise(source, tmp_path / "parts", count=3, seed=1)
    done = synthesise(source, tmp_path / "parts", count=4, seed=1, start=start)
    assert (done.images, done.total) == (4, 7)
    assert _sums(tmp_path / "whole") == _sums(tmp_path / "parts")


@pytest.mark.slow
def test_what_was_interrupted_can_be_gone_on_with(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesise(source, tmp_path / "whole", count=4)
    out = tmp_path / "out"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("playhead.detection.synthesis.synthesise._write_manifest", stop)
        with pytest.raises(KeyboardInterrupt):
            synthesise(source, out, count=2)
    assert not (out / "manifest.csv").exists()
    synthesise(source, out, count=4)
    assert _sums(out) == _sums(tmp_path / "whole")


@pytest.mark.slow
def test_an_interruption_leaves_a_set_of_the_images_that_are_whole(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesise(source, tmp_path / "whole", count=4)
    out = tmp_path / "out"

    def stop_at_two(text: Any) -> Any:
        def write(path: Path, *rest: Any) -> None:
            if path.name.endswith("_000002.txt"):
                raise KeyboardInterrupt
            text(path, *rest)

        return write

    with monkeypatch.context() as broken:
        name = "playhead.detection.synthesis.synthesise.write_text"
        broken.setattr(name, stop_at_two(synthesis_module.write_text))
        with pytest.raises(KeyboardInterrupt):
            synthesise(source, out, count=4)
    assert len(read_image_set(out)) == 2
    assert synthesise(source, out, count=2).total == 4
    assert _sums(out) == _sums(tmp_path / "whole")


def test_the_source_stays_as_it_is(source: Path, tmp_path: Path) -> None:
    before = _sums(source)
    synthesise(source, tmp_path / "out", count=3)
    assert _sums(source) == before


def test_labels_are_those_of_the_record_where_nothing_overlaps(
    source: Path, tmp_path: Path
) -> None:
    config = SynthesisConfig(overlap_most=0, count=(1, 2), blendings=("none",))
    done = synthesise(source, tmp_path / "out", count=12, config=config)
    made = read_image_set(tmp_path / "out")
    assert made.classes == ("car", "plate")
    record = _record(tmp_path / "out")["images"]
    for number, one in enumerate(made.images):
        entry = record[str(number)]
        assert entry["image"] == one.path.name
        for row in entry["pasted"]:
            assert np.abs(one.boxes - row["box"]).max(axis=1).min() < 0.01
            assert row["blending"] == "none"
    assert made.count() == done.boxes
    assert done.boxes["car"] > 0
    assert done.boxes["plate"] > 0


def test_where_a_label_says_car_the_image_is_red_and_nowhere_else(
    source: Path, tmp_path: Path
) -> None:
    config = SynthesisConfig(blendings=("none",), brightness=0, overlap_most=0)
    synthesise(source, tmp_path / "out", count=10, config=config)
    seen = 0
    for one in read_image_set(tmp_path / "out").images:
        pixels = np.asarray(Image.open(one.path))
        outside = pixels.copy()
        for box, label in zip(one.boxes, one.labels, strict=True):
            x1, y1, x2, y2 = np.round(box).astype(int)
            seen += label == 0
            if label == 0:
                assert _reds(pixels[y1:y2, x1:x2]) > 0.6 * (x2 - x1) * (y2 - y1)
            outside[max(y1 - 3, 0) : y2 + 3, max(x1 - 3, 0) : x2 + 3] = 0
        assert _reds(outside) == 0
    assert seen > 5


def test_backgrounds_alone_show_no_object(source: Path, tmp_path: Path) -> None:
    config = SynthesisConfig(probability=0)
    done = synthesise(source, tmp_path / "out", count=6, config=config)
    for path in (tmp_path / "out" / "images").iterdir():
        assert _reds(np.asarray(Image.open(path))) == 0
    assert done.boxes == {"car": 0, "plate": 0}
    assert "6 of 6 images are background without objects" in done.notes


def test_backgrounds_that_are_not_cleaned_keep_their_labels(source: Path, tmp_path: Path) -> None:
    synthesise(source, tmp_path / "out", count=12, config=SynthesisConfig(probability=0, clean=0))
    of_a = [
        one
        for one in read_image_set(tmp_path / "out").images
        if _record(tmp_path / "out")["images"][str(int(one.path.stem[-6:]))]["background"]
        == "a.png"
    ]
    assert of_a
    for one in of_a:
        np.testing.assert_allclose(one.boxes, [[20, 30, 60, 70], [30, 54, 46, 64]], atol=0.01)


def test_backgrounds_of_a_folder_are_used_as_they_are(source: Path, tmp_path: Path) -> None:
    streets = tmp_path / "streets"
    streets.mkdir()
    Image.new("RGB", (200, 100), (10, 200, 10)).save(streets / "green.png")
    config = SynthesisConfig(count=(1, 1), blendings=("none",))
    synthesise(source, tmp_path / "out", count=3, config=config, backgrounds=streets)
    for one in read_image_set(tmp_path / "out").images:
        assert one.size == (200, 100)
        pixels = np.asarray(Image.open(one.path)).astype(int)
        green = (pixels[..., 1] - pixels[..., 0]) > 100
        assert green.mean() > 0.5


def test_large_backgrounds_are_shrunk(source: Path, tmp_path: Path) -> None:
    synthesise(source, tmp_path / "out", count=2, config=SynthesisConfig(size=80))
    assert {one.size for one in read_image_set(tmp_path / "out").images} == {(80, 60)}


@pytest.mark.slow
def test_only_train_is_cut_up_and_what_is_made_is_of_train(tmp_path: Path) -> None:
    source = _write_set(
        tmp_path / "set",
        {"a": [(0, 20, 30, 60, 70)], "b": [(1, 90, 20, 130, 50)]},
        {"a": "train", "b": "valid"},
    )
    done = synthesise(source, tmp_path / "out", count=8)
    made = read_image_set(tmp_path / "out")
    assert {one.split for one in made.images} == {"train"}
    assert done.boxes["plate"] == 0
    assert {one["background"] for one in _record(tmp_path / "out")["images"].values()} == {"a.png"}
    assert "plate: has no box, so it is never pasted" in done.notes
    other = synthesise(source, tmp_path / "other", count=8, split="valid")
    assert other.boxes["car"] == 0


def test_a_set_split_without_train_asks_for_a_split(tmp_path: Path) -> None:
    source = _write_set(tmp_path / "set", {"a": [(0, 20, 30, 60, 70)]}, {"a": "valid"})
    with pytest.raises(LabelError, match="--split"):
        synthesise(source, tmp_path / "out", count=1)


def test_a_set_without_boxes_is_refused(tmp_path: Path) -> None:
    source = _write_set(tmp_path / "set", {"a": [], "b": []})
    with pytest.raises(LabelError, match="none of its 2 images has a box"):
        synthesise(source, tmp_path / "out", count=1)
    assert not (tmp_path / "out").exists()


def test_a_class_that_cannot_be_cut_out_is_said(tmp_path: Path) -> None:
    source = _write_set(
        tmp_path / "set", {"a": [(0, 20, 30, 60, 70), (1, 30, 54, 36, 58)], "c": []}
    )
    done = synthesise(source, tmp_path / "out", count=1)
    assert any(note.startswith("plate: none of 1 was cut out on its own") for note in done.notes)
    assert any("1 smaller than least" in note for note in done.notes)


def test_where_nothing_can_be_cut_out_the_reasons_are_said(tmp_path: Path) -> None:
    source = _write_set(tmp_path / "set", {"a": [(0, 20, 30, 24, 34)]})
    with pytest.raises(LabelError, match="1 smaller than least"):
        synthesise(source, tmp_path / "out", count=1)


def test_where_objects_leave_no_background_another_folder_is_asked_for(tmp_path: Path) -> None:
    source = _write_set(tmp_path / "set", {"a": [(0, 0, 0, 160, 110)]})
    with pytest.raises(LabelError, match="--backgrounds"):
        synthesise(source, tmp_path / "out", count=1)


def test_a_folder_without_images_is_no_backgrounds(source: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelError, match="has no images"):
        synthesise(source, tmp_path / "out", count=1, backgrounds=tmp_path / "empty")


def test_an_image_that_cannot_be_read_is_left_out_and_said(source: Path, tmp_path: Path) -> None:
    broken = source / "images" / "b.png"
    broken.write_bytes(broken.read_bytes()[:3000])
    done = synthesise(source, tmp_path / "out", count=8)
    assert any("b.png" in reason for reason in done.failed)
    used = {one["background"] for one in _record(tmp_path / "out")["images"].values()}
    assert used == {"a.png", "c.png"}


def test_where_no_background_can_be_read_it_ends(source: Path, tmp_path: Path) -> None:
    (tmp_path / "streets").mkdir()
    (tmp_path / "streets" / "a.jpg").write_bytes(b"no image")
    with pytest.raises(MediaError, match="1 of 1 backgrounds"):
        synthesise(source, tmp_path / "out", count=1, backgrounds=tmp_path / "streets")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seed": 2}, "other seed"),
        ({"config": SynthesisConfig(count=(1, 1))}, "other settings .count"),
    ],
)
def test_other_wishes_do_not_go_into_the_same_folder(
    source: Path, tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    synthesise(source, tmp_path / "out", count=1)
    before = _sums(tmp_path / "out")
    with pytest.raises(ConfigError, match=said):
        synthesise(source, tmp_path / "out", count=1, **wrong)
    assert _sums(tmp_path / "out") == before


def test_another_set_does_not_go_into_the_same_folder(source: Path, tmp_path: Path) -> None:
    synthesise(source, tmp_path / "out", count=1)
    with (source / "labels" / "c.txt").open("a") as file:
        file.write("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(ConfigError, match="other source"):
        synthesise(source, tmp_path / "out", count=1)


def test_a_folder_of_something_else_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="is not a synthesis"):
        synthesise(source, tmp_path / "out", count=1)


@pytest.mark.parametrize("place", ["set", "set/more", "set/images/more", ".", "lawns/new"])
@pytest.mark.parametrize("named", ["set", "set/manifest.csv"])
def test_a_folder_in_the_set_around_it_or_in_the_backgrounds_is_refused(
    source: Path, tmp_path: Path, place: str, named: str
) -> None:
    _write_image(tmp_path / "lawns" / "0.png", [], 3)
    before = _sums(tmp_path)
    with pytest.raises(ConfigError, match="is inside the set or the backgrounds, or contains"):
        synthesise(tmp_path / named, tmp_path / place, count=1, backgrounds=tmp_path / "lawns")
    assert _sums(tmp_path) == before


def test_what_would_fade_into_snow_is_counted_and_recorded_as_feather(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "snow").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT), "white").save(tmp_path / "snow" / "0.png")
    config = SynthesisConfig(blendings=("poisson",), brightness=0.0, count=(1, 1))
    for contrast, word in ((0.99, "feather"), (0.0, "poisson")):
        done = synthesise(
            source,
            tmp_path / word,
            count=6,
            config=config.model_copy(update={"contrast_least": contrast}),
            backgrounds=tmp_path / "snow",
        )
        rows = [row for one in _record(done.out)["images"].values() for row in one["pasted"]]
        assert {row["blending"] for row in rows} == {word}
        faded = f"{len(rows)} pastes were feathered, since poisson blending would have faded them"
        assert (faded in done.notes) == (word == "feather")


def test_a_damaged_record_is_refused(source: Path, tmp_path: Path) -> None:
    synthesise(source, tmp_path / "out", count=1)
    (tmp_path / "out" / "synthesis.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a record of a synthesis"):
        synthesise(source, tmp_path / "out", count=1)


def test_a_manifest_that_lost_images_is_refused(source: Path, tmp_path: Path) -> None:
    synthesise(source, tmp_path / "out", count=3)
    manifest = tmp_path / "out" / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:2]) + "\n")
    with pytest.raises(LabelError, match="and 1 more"):
        synthesise(source, tmp_path / "out", count=1)


def test_no_images_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        synthesise(source, tmp_path / "out", count=0)


@pytest.mark.slow
def test_the_command_makes_a_set_and_goes_on_with_it(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wishes = ("--out", str(out), "--seed", "3", "--blending", "feather,poisson")
    first = playhead_json("detection", "synthesise", str(source), *wishes, "--count", "2")
    assert (first["images"], first["total"]) == (2, 2)
    again = playhead_json("detection", "synthesise", str(source), *wishes, "--count", "3")
    assert (again["images"], again["total"]) == (3, 5)
    drawn = {row["blending"] for one in _record(out)["images"].values() for row in one["pasted"]}
    assert drawn == {"feather", "poisson"}


def test_the_command_says_what_it_left_out_and_ends_with_three(
    source: Path, tmp_path: Path
) -> None:
    broken = source / "images" / "b.png"
    broken.write_bytes(broken.read_bytes()[:3000])
    finished = run(
        "detection", "synthesise", str(source), "--out", str(tmp_path / "out"), "--count", "1"
    )
    assert finished.code == 3
    assert "b.png" in finished.out


def test_a_wrong_blending_is_answered_with_those_there_are(source: Path, tmp_path: Path) -> None:
    wishes = ("--out", str(tmp_path / "out"), "--count", "1", "--blending", "soft")
    finished = run("detection", "synthesise", str(source), *wishes)
    assert finished.code == 2
    assert "'none', 'feather' or 'poisson'" in finished.err
