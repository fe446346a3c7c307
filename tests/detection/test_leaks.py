"""What is held out never trains, neither as it is nor as a part of a synthesised image."""

import json
import shutil
from pathlib import Path

import pytest

from playhead.detection.data import split_images
from playhead.detection.synthesis.synthesise import synthesise
from playhead.errors import ConfigError, LabelError
from tests.detection.drawn_set import draw_set, tiny_config


def split(manifest: Path, more: Path) -> int:
    """How many images train with those of `more` added."""
    sides = split_images(tiny_config(manifest, data={"more": [str(more / "manifest.csv")]}).data)
    return len(sides.train)


def as_split(manifest: Path, number: int, name: str) -> None:
    """Put image `number` of a drawn set into another split."""
    rows = manifest.read_text().splitlines()
    cells = rows[number + 1].split(",")
    rows[number + 1] = ",".join([*cells[:4], name, *cells[5:]])
    manifest.write_text("\n".join(rows) + "\n")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Eight images train, two validate, two are for tests."""
    manifest = draw_set(tmp_path / "set", 12, valid=0.34)
    as_split(manifest, 10, "test")
    as_split(manifest, 11, "test")
    return manifest


@pytest.mark.slow
def test_images_synthesised_from_those_that_train_are_taken(drawn: Path, tmp_path: Path) -> None:
    synthesise(drawn, tmp_path / "more", count=3)
    assert split(drawn, tmp_path / "more") == 8 + 3


@pytest.mark.parametrize(("number", "held"), [(8, "valid"), (10, "test")])
@pytest.mark.parametrize("renamed", [False, True])
def test_an_image_pasted_onto_one_that_is_held_out_is_refused(
    drawn: Path, tmp_path: Path, number: int, held: str, *, renamed: bool
) -> None:
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    image = drawn.parent / "images" / f"drawn-{number:03d}.png"
    shutil.copy(image, folder / ("street.png" if renamed else image.name))
    synthesise(drawn, tmp_path / "more", count=1, backgrounds=folder)
    with pytest.raises(LabelError, match=rf"pasted_0_000000\.jpg.*{image.name}.*\({held}\)"):
        split(drawn, tmp_path / "more")


def test_a_cut_out_of_an_image_that_is_held_out_is_refused(tmp_path: Path) -> None:
    """The set was synthesised from as a whole, and split only afterwards."""
    manifest = draw_set(tmp_path / "set", 4, valid=0)
    backgrounds = draw_set(tmp_path / "other", 2, seed=5).parent / "images"
    synthesise(manifest, tmp_path / "more", count=6, backgrounds=backgrounds)
    assert {one["background"] for one in record_of(tmp_path / "more")["images"].values()} <= {
        "drawn-000.png", "drawn-001.png",
    }  # fmt: skip
    as_split(manifest, 3, "valid")
    with pytest.raises(LabelError, match=r"synthesised from .*set/images/drawn-003\.png"):
        split(manifest, tmp_path / "more")


def test_a_synthesised_image_in_the_manifest_itself_is_held_against_its_record(
    drawn: Path, tmp_path: Path
) -> None:
    synthesise(drawn, drawn.parent.parent / "more", count=2, seed=1)
    rows = [line.replace("images/", "set/images/").replace("labels/", "set/labels/")
            for line in drawn.read_text().splitlines()]  # fmt: skip
    made = (tmp_path / "more" / "manifest.csv").read_text().splitlines()[1:]
    rows += [line.replace("images/", "more/images/").replace("labels/", "more/labels/")
             for line in made]  # fmt: skip
    shutil.copy(drawn.with_name("classes.txt"), tmp_path)
    whole = tmp_path / "manifest.csv"
    whole.write_text("\n".join(rows) + "\n")
    assert len(split_images(tiny_config(whole).data).train) == 8 + 2
    with pytest.raises(LabelError, match="a training image that was synthesised from"):
        for fold in (0, 1):  # the images that were pasted from lie in both
            split_images(tiny_config(whole, data={"folds": 2, "fold": fold}).data)


def record_of(folder: Path) -> dict:
    return json.loads((folder / "synthesis.json").read_text())


def test_a_record_without_checksums_goes_by_the_name_of_the_background(
    drawn: Path, tmp_path: Path
) -> None:
    synthesise(drawn, tmp_path / "more", count=2)
    document = record_of(tmp_path / "more") | {"schema": 1}
    for entry in document["images"].values():
        del entry["made_of"]
    path = tmp_path / "more" / "synthesis.json"
    path.write_text(json.dumps(document))
    assert split(drawn, tmp_path / "more") == 8 + 2
    document["images"]["1"]["background"] = "drawn-009.png"
    path.write_text(json.dumps(document))
    with pytest.raises(
        LabelError, match=r"pasted_0_000001\.jpg.*synthesised from .*drawn-009\.png"
    ):
        split(drawn, tmp_path / "more")


def test_synthesised_images_without_their_record_are_refused(drawn: Path, tmp_path: Path) -> None:
    synthesise(drawn, tmp_path / "more", count=1)
    (tmp_path / "more" / "synthesis.json").unlink()
    with pytest.raises(LabelError, match="synthesis.json has no entry for it"):
        split(drawn, tmp_path / "more")
    (tmp_path / "more" / "synthesis.json").write_text('{"schema": 3}')
    with pytest.raises(ConfigError, match=r"synthesis\.json"):
        split(drawn, tmp_path / "more")


@pytest.mark.parametrize(("number", "what"), [(8, "validation"), (10, "another split")])
def test_an_image_of_more_that_is_held_out_is_refused(
    drawn: Path, tmp_path: Path, number: int, what: str
) -> None:
    name = f"drawn-{number:03d}"
    other = drawn.with_name("other.csv")
    other.write_text(
        f"video,labels,group,view,split,offset\nimages/{name}.png,labels/{name}.txt,,,train,\n"
    )
    config = tiny_config(drawn, data={"more": [str(other)]})
    with pytest.raises(LabelError, match=rf"{name}\.png: in both training and {what}"):
        split_images(config.data)


def test_a_group_in_train_and_test_is_refused(drawn: Path) -> None:
    text = drawn.read_text().replace(",drawn-010,", ",street 1,").replace(
        ",drawn-002,", ",street 1,")  # fmt: skip
    drawn.write_text(text)
    with pytest.raises(LabelError, match="street 1: on both sides of the split .*, and test"):
        split_images(tiny_config(drawn).data)
