"""Training a detector: from drawn images to a bundle, stopped and gone on, with other classes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from playhead.detection import train
from playhead.detection.config import DetectorConfig
from playhead.detection.data import count_boxes, split_images, training_images
from playhead.detection.predict import PredictOptions, predict_set
from playhead.detection.samples import IGNORED
from playhead.detection.thresholds import choose_thresholds, reached_thresholds
from playhead.detection.train import FittedDetector, fit_detector, train_detector
from playhead.errors import BundleError, ConfigError, LabelError, WeightsError
from playhead.events.images import ImageSet
from playhead.inference.bundle import load_bundle, note_in_bundle
from playhead.inference.runtime import OpenVinoBackend
from playhead.learning.nn.detector import (
    build_detector,
    build_from_manifest,
    cells_of,
    take_over_weights,
)
from playhead.learning.run import TrainingRun
from playhead.metrics import detection
from playhead.metrics.detection import ClassDetection
from tests.detection.drawn_set import CLASSES, draw_set, tiny_config
from tests.detector_bundle import write_detector_bundle

SOURCES = {"sources": [{"name": "drawn", "licence": "MIT"}]}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("drawn"))


def learn(config: DetectorConfig, run: Path, *, resume: bool = False) -> FittedDetector:
    return fit_detector(TrainingRun(run, config, resume=resume))


@pytest.fixture(scope="module")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "first"
    train_detector(tiny_config(drawn, data=SOURCES), run)
    return run


@pytest.mark.slow
def test_a_run_leaves_a_bundle_that_says_how_it_was_trained(trained: Path) -> None:
    manifest = load_bundle(trained / "bundle").manifest
    assert (manifest.job, manifest.classes) == ("detection", CLASSES)
    assert (manifest.input["longest"], manifest.input["strides"]) == (96, [8, 16])
    assert manifest.training["data"]["manifest"] == "manifest.csv"  # no folder of this machine
    assert {"ap50", "ap50_95"} <= manifest.metrics.keys()
    assert [source.name for source in manifest.sources] == ["drawn"]


@pytest.mark.slow
def test_the_bundle_s_graph_answers_as_the_network_does_at_another_size(trained: Path) -> None:
    bundle = load_bundle(trained / "bundle")
    model, _ = build_from_manifest(bundle.manifest)
    model.load_state_dict({k: torch.from_numpy(v) for k, v in load_file(bundle.weights).items()})
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 128, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model.eval().for_images()(torch.from_numpy(images)).numpy()
    made = OpenVinoBackend(bundle, threads=1).run("model", images)
    assert made.shape == (3, len(cells_of(64, 128, (8, 16))[0]), 6)
    np.testing.assert_allclose(made, expected, atol=2e-3)


@pytest.mark.slow
def test_a_tiny_detector_learns_squares_and_discs(tmp_path: Path) -> None:
    manifest = draw_set(tmp_path / "set", 32)
    config = tiny_config(manifest, training={"epochs": 16, "validate_every": 16})
    assert learn(config, tmp_path / "run").fitted.metrics["ap50"] > 0.8


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_with_the_same_weights(
    drawn: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(*arguments: object) -> torch.Tensor:
        monkeypatch.setattr(train, "detection_loss", real)
        raise KeyboardInterrupt

    real = train.detection_loss
    run = tmp_path / "run"
    config = tiny_config(drawn, training={"checkpoint_seconds": 0})
    calls = 0

    def counted(*arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return stopping() if calls == 5 else real(*arguments)  # in the middle of the second epoch

    monkeypatch.setattr(train, "detection_loss", counted)
    with pytest.raises(KeyboardInterrupt):
        learn(config, run)
    learn(config, run, resume=True)
    whole, resumed = (load_file(one / "best.safetensors") for one in (trained, run))
    assert all(whole[name].tobytes() == resumed[name].tobytes() for name in whole)


@pytest.mark.slow
def test_workers_make_the_same_weights(drawn: Path, trained: Path, tmp_path: Path) -> None:
    learn(tiny_config(drawn, training={"workers": 2}), tmp_path / "run")
    alone, shared = (load_file(run / "best.safetensors") for run in (trained, tmp_path / "run"))
    assert all(alone[name].tobytes() == shared[name].tobytes() for name in alone)


@pytest.mark.slow
def test_a_bundle_goes_on_with_other_classes_and_keeps_those_it_knows(
    drawn: Path, trained: Path
) -> None:
    bundle = load_bundle(trained / "bundle")
    config = tiny_config(drawn)
    model = build_detector(config.model, 3)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    kept = take_over_weights(model, ("dog", "square", "disc"), bundle)
    assert kept == ("square", "disc")
    old, new = load_file(bundle.weights), model.state_dict()
    for name in new:
        if ".logits." not in name:
            np.testing.assert_array_equal(new[name], old[name])
        else:
            np.testing.assert_array_equal(
                new[name][1], old[name][1]
            )  # square is the second of both
            np.testing.assert_array_equal(new[name][2], old[name][0])
            np.testing.assert_array_equal(new[name][0], before[name][0])


@pytest.mark.slow
def test_going_on_starts_where_the_bundle_was(drawn: Path, trained: Path, tmp_path: Path) -> None:
    config = tiny_config(
        drawn,
        start={"bundle": str(trained / "bundle")},
        training={"epochs": 1, "rate": 1e-9, "final_rate": 1e-9, "ema": 0.999, "weight_decay": 0},
        model={"weights": "no such weights"},
    )
    learn(config, tmp_path / "run")
    started, made = (load_file(run / "best.safetensors") for run in (trained, tmp_path / "run"))
    names = [name for name in started if name.endswith("conv_stem.weight")]
    assert names
    np.testing.assert_allclose(made[names[0]], started[names[0]], atol=1e-6)


@pytest.mark.slow
def test_which_classes_of_a_bundle_go_on_is_said_and_logged(
    drawn: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny_config(
        drawn,
        start={"bundle": str(trained / "bundle")},
        data={"classes": ["square"]},
        training={"epochs": 1},
    )
    learn(config, tmp_path / "run")
    said = "classes with loaded weights: square; new classes: none"
    assert f"loaded the weights of {trained / 'bundle'}; {said}" in capsys.readouterr().err
    first = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[0])
    assert (first["kind"], first["kept_classes"], first["new_classes"]) == ("start", ["square"], [])
    learn(config, tmp_path / "run", resume=True)
    assert "loaded the weights" not in capsys.readouterr().err


def test_frozen_blocks_without_any_start_are_refused(drawn: Path) -> None:
    with pytest.raises(ConfigError, match=r"frozen_blocks \(2\) would keep random weights"):
        tiny_config(drawn, model={"frozen_blocks": 2})
    tiny_config(drawn, model={"frozen_blocks": 2, "weights": "mobilenet-v2"})
    tiny_config(drawn, model={"frozen_blocks": 2}, start={"bundle": "runs/first/bundle"})


@pytest.mark.slow
def test_a_bundle_of_another_network_is_refused(drawn: Path, trained: Path, tmp_path: Path) -> None:
    config = tiny_config(drawn, start={"bundle": str(trained / "bundle")}, model={"channels": 24})
    with pytest.raises(WeightsError, match="same model section"):
        train_detector(config, tmp_path / "run")


def test_going_on_from_a_bundle_of_another_job_is_refused_as_such(
    drawn: Path, tmp_path: Path
) -> None:
    other = write_detector_bundle(tmp_path / "spotting", kind="windows").folder
    with pytest.raises(BundleError, match=r"a bundle of spotting \(kind windows\)"):
        train_detector(tiny_config(drawn, start={"bundle": str(other)}), tmp_path / "run")


def test_a_class_without_boxes_is_said_before_training(drawn: Path, tmp_path: Path) -> None:
    (drawn.parent / "classes.txt").write_text("disc\nsquare\ndog\n")
    try:
        with pytest.raises(LabelError, match="no box of dog"):
            train_detector(tiny_config(drawn), tmp_path / "run")
        two = split_images(tiny_config(drawn, data={"classes": ["square", "disc"]}).data)
    finally:
        (drawn.parent / "classes.txt").write_text("disc\nsquare\n")
    assert two.train.classes == ("square", "disc")
    assert two.train.count()["square"] == 12


def test_a_single_class_of_several_can_be_learnt(drawn: Path) -> None:
    sides = split_images(tiny_config(drawn, data={"classes": ["square"]}).data)
    assert sides.train.classes == ("square",)
    assert sum(len(one.labels) for one in sides.train.images) == 12
    with pytest.raises(LabelError, match="has no class cat; its classes are disc, square"):
        split_images(tiny_config(drawn, data={"classes": ["cat"]}).data)


def test_folds_keep_groups_together(drawn: Path) -> None:
    text = drawn.read_text().splitlines()
    grouped = [text[0]]
    for number, line in enumerate(text[1:]):
        cells = line.split(",")
        cells[2], cells[4] = f"street-{number // 4}", ""
        grouped.append(",".join(cells))
    manifest = drawn.with_name("grouped.csv")
    manifest.write_text("\n".join(grouped) + "\n")
    held = []
    for fold in range(2):
        sides = split_images(tiny_config(manifest, data={"folds": 2, "fold": fold}).data)
        train_groups = {one.group for one in sides.train.images}
        valid_groups = {one.group for one in sides.valid.images}
        assert not train_groups & valid_groups
        held += [one.path.name for one in sides.valid.images]
    assert len(held) == len(set(held)) == 16


def test_an_image_that_trains_and_validates_is_refused(drawn: Path) -> None:
    with pytest.raises(
        LabelError, match="split valid, but all of its images are used for training"
    ):
        split_images(tiny_config(drawn, data={"more": [str(drawn)]}).data)
    text = drawn.read_text().replace(",valid,", ",train,")
    again = drawn.with_name("again.csv")
    again.write_text(text)
    with pytest.raises(LabelError, match="in both training and validation"):
        split_images(tiny_config(drawn, data={"more": [str(again)]}).data)
    with pytest.raises(ConfigError, match="use the split column"):
        tiny_config(drawn, data={"more": [str(again)], "folds": 2})


def test_more_images_train_and_none_of_them_validates(drawn: Path, tmp_path: Path) -> None:
    other = draw_set(tmp_path / "other", 5, seed=9, valid=0)
    sides = split_images(tiny_config(drawn, data={"more": [str(other)]}).data)
    assert (len(sides.train), len(sides.valid)) == (12 + 5, 4)


def test_an_image_that_is_not_as_large_as_its_labels_say_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    manifest = draw_set(tmp_path / "set", 8)
    coco = tmp_path / "coco.json"
    first = manifest.parent / "images" / "drawn-000.png"
    turned = Image.Exif()
    turned[0x112] = 6  # to be shown on its side
    Image.open(first).resize((96, 48)).save(tmp_path / "turned.jpg", exif=turned)
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20], "area": 400}
    images = [{"id": 1, "file_name": "turned.jpg", "width": 96, "height": 48}]
    categories = [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
    document = {"images": images, "annotations": [box | {"iscrowd": 0}], "categories": categories}
    coco.write_text(json.dumps(document))
    with pytest.raises(LabelError, match="has 48x96 pixels, but its labels are for 96x48"):
        split_images(tiny_config(manifest, data={"more": [str(coco)]}).data)


def test_images_that_labels_name_and_that_are_not_there_are_said(tmp_path: Path) -> None:
    manifest = draw_set(tmp_path / "set", 8)
    images = [{"id": 1, "file_name": "../elsewhere.jpg", "width": 96, "height": 96}]
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20], "area": 400}
    categories = [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
    document = {"images": images, "annotations": [box | {"iscrowd": 0}], "categories": categories}
    (tmp_path / "coco.json").write_text(json.dumps(document))
    with pytest.raises(LabelError, match=r"1 of 7 images are missing \(first: .*elsewhere"):
        split_images(tiny_config(manifest, data={"more": [str(tmp_path / "coco.json")]}).data)


def coco_set(folder: Path) -> Path:
    """Two images to train on and one to validate on, each with three boxes and a crowd."""
    from PIL import Image

    folder.mkdir()
    names = ("a.train", "b.train", "c.valid")
    boxes = ((1, [5, 5, 30, 20], 0), (1, [50, 5, 6, 60], 0), (2, [50, 70, 20, 4], 0))
    for split in ("train", "valid"):
        (folder / split).mkdir()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, name in enumerate(names, 1):
            if not name.endswith(split):
                continue
            Image.new("RGB", (96, 96)).save(folder / split / f"{name}.png")
            images.append({"id": number, "file_name": f"{name}.png", "width": 96, "height": 96})
            for category, (x, y, w, h), crowd in (*boxes, (2, (60, 60, 30, 30), 1)):
                key = {"id": len(annotations) + 1, "image_id": number, "iscrowd": crowd}
                annotations.append(key | {"category_id": category, "bbox": [x, y, w, h]})
        categories = [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
        document = {"images": images, "annotations": annotations, "categories": categories}
        (folder / split / "_annotations.coco.json").write_text(json.dumps(document))
    return folder


def test_crowds_and_narrow_boxes_are_ignored_regions_in_training(tmp_path: Path) -> None:
    config = tiny_config(
        coco_set(tmp_path / "set"),
        data={"ignore_below": 20},
        augmentation={"cut_paste": {"probability": 1, "least": 2}},
    )
    sides = split_images(config.data)
    assert [image.scores.tolist() for image in sides.train.images] == [[1, 0, 1, 0]] * 2
    # Of the validation images only the crowd: metrics treat narrow boxes in another way.
    assert [image.scores.tolist() for image in sides.valid.images] == [[1, 1, 1, 0]]
    assert count_boxes(sides.train) == {"disc": 2, "square": 2}
    assert count_boxes(sides.valid, min_width=20) == {"disc": 1, "square": 1}
    images = training_images(sides.train, config)
    assert images.bank is not None
    assert images.bank.count() == {0: 2, 1: 2}
    labels = [images.sample(epoch, 0)["labels"] for epoch in (1, 2, 3)]
    assert all((row == IGNORED).any() and (row >= 0).any() for row in labels)


def test_classes_whose_boxes_are_all_ignored_are_said_before_training(tmp_path: Path) -> None:
    manifest = coco_set(tmp_path / "set")
    with pytest.raises(LabelError, match=r"no box of square of at least 21 pixels"):
        split_images(tiny_config(manifest, data={"ignore_below": 21}).data)
    label = tmp_path / "set" / "valid" / "_annotations.coco.json"
    text = label.read_text().replace("[5, 5, 30, 20]", "[5, 5, 4, 4]")
    label.write_text(text.replace("[50, 70, 20, 4]", "[50, 70, 4, 4]"))
    with pytest.raises(LabelError, match="validation images have no box of at least 20 pixels"):
        split_images(tiny_config(manifest, data={"ignore_below": 20}).data)
    split_images(tiny_config(manifest).data)


@pytest.mark.slow
def test_a_run_ignores_narrow_boxes_in_every_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = draw_set(tmp_path / "set", 16)
    widths: list[float] = []
    real = detection.measure_classes

    def recorded(*sets: ImageSet, min_width: float = 0) -> dict[str, ClassDetection]:
        widths.append(min_width)
        return real(*sets, min_width=min_width)

    for module in ("validation", "thresholds", "evaluate"):
        monkeypatch.setattr(f"playhead.detection.{module}.measure_classes", recorded)
    config = tiny_config(manifest, data={"ignore_below": 24}, training={"epochs": 1})
    result = train_detector(config, tmp_path / "run")
    assert len(widths) >= 4
    assert set(widths) == {24}
    valid = split_images(config.data).valid
    assert result.details["boxes"]["valid"] == count_boxes(valid, min_width=24) != valid.count()


def test_nothing_to_validate_on_is_said(drawn: Path) -> None:
    empty = drawn.with_name("empty.csv")
    rows = [
        line.replace(line.split(",")[1], "") if ",valid," in line else line
        for line in drawn.read_text().splitlines()
    ]
    empty.write_text("\n".join(rows) + "\n")
    with pytest.raises(LabelError, match="the validation images have no box"):
        split_images(tiny_config(empty).data)


def test_decisions_that_name_an_unknown_class_are_refused_before_training(
    drawn: Path, tmp_path: Path
) -> None:
    config = tiny_config(drawn, decisions={"thresholds": {"dog": 0.5}})
    with pytest.raises(
        ConfigError, match="dog is not a class of the detector; its classes are disc, square"
    ):
        train_detector(config, tmp_path / "run")
    assert not (tmp_path / "run" / "log.jsonl").exists()


@pytest.mark.slow
def test_labels_that_changed_since_stop_a_resume(tmp_path: Path) -> None:
    manifest = draw_set(tmp_path / "set", 8)
    config = tiny_config(manifest, training={"epochs": 1})
    learn(config, tmp_path / "run")
    (manifest.parent / "classes.txt").write_text("square\ndisc\n")
    with pytest.raises(ConfigError, match="cannot resume"):
        learn(config, tmp_path / "run", resume=True)


@pytest.mark.slow
def test_a_box_that_moved_since_stops_a_resume(tmp_path: Path) -> None:
    manifest = draw_set(tmp_path / "set", 8)
    config = tiny_config(manifest, training={"epochs": 1})
    learn(config, tmp_path / "run")
    labels = manifest.parent / "labels" / "drawn-007.txt"  # of the last image, which validates
    label, *numbers = labels.read_text().splitlines()[0].split()
    labels.write_text(f"{label} 0.5 {' '.join(numbers[1:])}\n")
    with pytest.raises(
        ConfigError, match="with other data: the files or labels of valid have changed"
    ):
        learn(config, tmp_path / "run", resume=True)


def test_a_box_that_became_a_crowd_is_other_data_for_a_resume(tmp_path: Path) -> None:
    folder = coco_set(tmp_path / "set")
    before = list(train._data_rows(split_images(tiny_config(folder).data).train))
    labels = folder / "train" / "_annotations.coco.json"
    labels.write_text(labels.read_text().replace('"iscrowd": 0', '"iscrowd": 1', 1))
    after = list(train._data_rows(split_images(tiny_config(folder).data).train))
    assert before != after
    assert len(before) == len(after) == 4  # two images, each with a crowd


@pytest.mark.slow
def test_a_bundle_made_later_has_the_classes_that_were_trained(
    trained: Path, drawn: Path, tmp_path: Path
) -> None:
    (drawn.parent / "classes.txt").write_text("square\ndisc\n")
    try:
        bundle = train.export_run(trained, tmp_path / "bundle")
    finally:
        (drawn.parent / "classes.txt").write_text("disc\nsquare\n")
    assert load_bundle(bundle).manifest.classes == CLASSES


@pytest.mark.slow
def test_thresholds_that_a_person_wrote_outlive_a_resume_and_go_along_with_an_export(
    trained: Path, drawn: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    chosen = {"disc": 0.123, "square": 0.456}
    note_in_bundle(run / "bundle", post_processing={"thresholds": chosen})
    result = train_detector(tiny_config(drawn, data=SOURCES), run, resume=True)
    exported = train.export_run(run, tmp_path / "exported")
    for bundle in (result.bundle, exported):
        assert load_bundle(bundle).manifest.post_processing["thresholds"] == chosen


@pytest.mark.slow
def test_training_chooses_thresholds_on_the_validation_images_alone(
    trained: Path, drawn: Path
) -> None:
    valid = split_images(tiny_config(drawn).data).valid
    options = PredictOptions(threads=1, hierarchy=False)
    choices = choose_thresholds(valid, predict_set([trained / "bundle"], valid, options))
    written = load_bundle(trained / "bundle").manifest.post_processing["thresholds"]
    assert written == reached_thresholds(choices)
    assert written
    assert "chosen on these same validation images" in (trained / "report.html").read_text()


@pytest.mark.slow
def test_a_bundle_of_more_maps_than_the_network_has_is_refused(drawn: Path, trained: Path) -> None:
    config = tiny_config(drawn, model={"strides": [8]}, data={"size": [96, 96]})
    model = build_detector(config.model, 2)
    with pytest.raises(WeightsError, match="same model section"):
        take_over_weights(model, CLASSES, load_bundle(trained / "bundle"))


@pytest.mark.slow
def test_images_of_every_shape_and_number_of_objects_train(tmp_path: Path) -> None:
    """Wide and tall, with many objects and without any: what mosaics and batches must hold."""
    from PIL import Image

    manifest = draw_set(tmp_path / "set", 8)
    folder = manifest.parent
    for number, size in enumerate([(96, 40), (40, 96), (200, 96)]):
        name = f"drawn-{number:03d}"
        Image.open(folder / "images" / f"{name}.png").resize(size).save(
            folder / "images" / f"{name}.png"
        )
    rows = [f"{k % 2} {(k % 8 + 0.5) / 8} {(k // 8 + 0.5) / 8} 0.1 0.1\n" for k in range(64)]
    (folder / "labels" / "drawn-003.txt").write_text("".join(rows))
    (folder / "labels" / "drawn-004.txt").write_text("")
    config = tiny_config(
        manifest,
        augmentation={"mosaic": 1.0, "multi_scale": [0.6, 1.3], "plain_epochs": 0},
        training={"epochs": 2},
    )
    assert np.isfinite(learn(config, tmp_path / "run").fitted.metrics["ap50"])


def test_a_size_that_the_strides_do_not_divide_is_refused(drawn: Path) -> None:
    with pytest.raises(ConfigError, match="multiples of the last stride"):
        tiny_config(drawn, data={"size": [100, 96]})


@pytest.mark.parametrize("name", ["small", "medium", "large"])
def test_packaged_configurations_are_valid(name: str) -> None:
    from playhead.detection.config import find_config, load_detector_config

    config = load_detector_config(find_config(name), ["data.manifest=set/manifest.csv"])
    assert isinstance(config, DetectorConfig)
    assert config.training.select == "ap50_95"


@pytest.mark.slow
def test_the_log_holds_what_the_validation_measured(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    epochs = [row for row in rows if row["kind"] == "epoch"]
    assert [sorted(row["metrics"]) for row in epochs] == [["ap50", "ap50_95"]] * 2
