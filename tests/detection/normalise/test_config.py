"""Configurations of normalising: sources, classes and what is said over them."""

from pathlib import Path

import pytest

from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import load_normalise_config
from playhead.errors import ConfigError, LabelError
from tests.detection.label_sources import GOOD, boxes_of, found, run, yolo
from tests.detection.labels.image_files import draw


def test_groups_and_splits_of_a_manifest_stay_unless_the_source_says_others(tmp_path: Path) -> None:
    draw(tmp_path / "set" / "pics" / "a.jpg", seed=1)
    (tmp_path / "set" / "manifest.csv").write_text(
        "video,labels,group,split\npics/a.jpg,,match 1,valid\n"
    )
    with pytest.raises(LabelError, match="give the classes with --classes"):
        run(tmp_path / "out", tmp_path / "set")
    [image] = run(tmp_path / "out", tmp_path / "set", classes=["car"]).images.images
    assert (image.path.as_posix(), image.group, image.split) == (
        "pics/a.jpg",
        "match 1",
        "valid",
    )
    (tmp_path / "all.yaml").write_text("sources: [{path: set, group: mine, split: test}]\n")
    config = load_normalise_config([str(tmp_path / "all.yaml")], {"classes": ["car"]})
    [image] = normalise(config, tmp_path / "out2").images.images
    assert (image.group, image.split) == ("mine", "test")


@pytest.mark.parametrize("name", ["..", "a/b", "/etc"])
def test_a_source_cannot_be_named_out_of_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(f"sources: [{{path: set, name: {name}}}]\n")
    with pytest.raises(ConfigError, match=r"sources\.0\.name"):
        load_normalise_config([str(tmp_path / "all.yaml")], {})


def test_classes_are_mapped_by_number_and_name_and_left_out(tmp_path: Path) -> None:
    root = yolo(
        tmp_path / "set", {"a": "0 .5 .5 .2 .5\n1 .5 .5 .4 .5\n2 .5 .5 .6 .5\n3 .5 .5 .8 .5\n"}
    )
    (root / "classes.txt").write_text("auto\nlicense-plate\ndog\nPerson\n")
    (tmp_path / "all.yaml").write_text(
        "sources:\n  - path: set\n    classes: {0: car, dog: null}\n"
        "map: {license-plate: plate, Person: person}\nclasses: [plate, car]\n"
    )
    report = normalise(load_normalise_config([str(tmp_path / "all.yaml")], {}), tmp_path / "out")
    assert report.images.count() == {"plate": 1, "car": 1}
    assert found(report) == {"class not requested": 2}


def test_the_command_line_goes_over_the_file(tmp_path: Path) -> None:
    yolo(tmp_path / "set", {"a": GOOD})
    (tmp_path / "all.yaml").write_text("sources: [{path: set}]\nmin_size: 5\nseed: 3\n")
    config = load_normalise_config([str(tmp_path / "all.yaml")], {"seed": 7, "images": None})
    assert (config.seed, config.min_size) == (7, 5)
    assert config.sources[0].path == tmp_path / "set"


def test_a_configuration_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("sources: [{path: set}]\n")
    with pytest.raises(ConfigError, match="add the other sources to it"):
        load_normalise_config([str(tmp_path / "all.yaml"), "set"], {})


def test_the_yaml_of_a_data_set_is_a_source_and_no_configuration(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD}, classes="")
    (root / "data.yaml").write_text("names: [car]\n")
    run(tmp_path / "out", root / "data.yaml")
    assert boxes_of(tmp_path / "out") == {"a.jpg": [("car", [24, 12, 40, 36])]}
    run(tmp_path / "bus", f"bus={root / 'data.yaml'}")
    assert boxes_of(tmp_path / "bus") == {"a.jpg": [("bus", [24, 12, 40, 36])]}


def test_numbers_that_nothing_names_are_refused_with_three_remedies(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD}, classes="")
    with pytest.raises(LabelError, match=r"write CLASS=.*classes\.txt.*--classes"):
        run(tmp_path / "out", root)
    run(tmp_path / "out", root, classes=["car"])
    assert boxes_of(tmp_path / "out") == {"a.jpg": [("car", [24, 12, 40, 36])]}


@pytest.mark.parametrize(
    ("sources", "said", "message"),
    [
        (["=x"], {}, "PATH or CLASS=PATH"),
        (["none.yaml"], {}, "no such configuration"),
        ([], {}, "has no label source"),
        (["set"], {"split": {"train": 0.7, "valid": 0.7}}, "their sum at most 1, got 1.4"),
        (["set"], {"split": {"train": 0.7, "test": 0.1}}, "with test must add up to 1"),
        (["set"], {"group_by": "("}, "not a valid regular expression"),
        (["set"], {"classes": ["a", "a"]}, "listed twice"),
        (["dog=set"], {"classes": ["cat"]}, "class 'dog' is not one of the classes cat"),
        (["set"], {"duplicates": 2}, "less than or equal to 1"),
    ],
)
def test_a_wrong_configuration_is_said(
    sources: list[str], said: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_normalise_config(sources, said)


@pytest.mark.slow
def test_a_configuration_that_nests_beyond_reading_is_an_error_that_names_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "sources.yaml").write_text("sources: " + "[" * 5000)
    with pytest.raises(ConfigError, match=r"sources\.yaml: not valid YAML"):
        load_normalise_config([str(tmp_path / "sources.yaml")], {})


def test_a_map_of_a_class_that_no_source_has_is_warned_of_with_those_there_are(
    tmp_path: Path,
) -> None:
    root = yolo(tmp_path / "set", {"a": f"{GOOD}1 .25 .25 .2 .2\n"})
    report = run(tmp_path / "out", root, map={"Car": "vehicle", "plate": "sign"})
    [warning] = report.warnings
    assert "no source has a class Car to map; known are car, plate" in warning
    assert report.images.classes == ("car", "sign")


def test_a_map_reaches_the_class_that_a_source_is_given(tmp_path: Path) -> None:
    root = yolo(tmp_path / "set", {"a": GOOD})
    for known in ([], ["vehicle"]):
        report = run(
            tmp_path / f"out{len(known)}", f"car={root}", map={"car": "vehicle"}, classes=known
        )
        assert report.images.count() == {"vehicle": 1}
        assert not report.warnings
    with pytest.raises(ConfigError, match="class 'vehicle' is not one of the classes car"):
        load_normalise_config([f"car={root}"], {"map": {"car": "vehicle"}, "classes": ["car"]})
