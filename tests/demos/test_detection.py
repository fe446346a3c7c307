"""The demo: scattered labels made one set again, test images at the thresholds of the bundle."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from playhead.demos.detection import measure_test_images, scatter
from playhead.detection.labels.read import read_image_set
from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import load_normalise_config
from playhead.events.images import ImageSet, LabelledImage
from tests.detection.drawn_set import CLASSES, draw_set
from tests.detector_bundle import paint, write_detector_bundle


def test_what_was_scattered_over_folders_becomes_the_same_set_again(tmp_path: Path) -> None:
    manifest = draw_set(tmp_path / "drawn")
    sources = scatter(manifest, tmp_path / "scattered")
    labels = [path.read_text() for path in (tmp_path / "scattered").rglob("*.txt")]
    assert {line.split()[0] for text in labels for line in text.splitlines()} == {"0"}
    said = {"images": manifest.parent / "images", "classes": list(CLASSES)}
    normalise(load_normalise_config(sources, said), tmp_path / "set")
    before, after = read_image_set(manifest), read_image_set(tmp_path / "set")
    assert after.classes == before.classes
    assert [one.path.name for one in after.images] == [one.path.name for one in before.images]
    for one, other in zip(before.images, after.images, strict=True):
        for label in range(len(CLASSES)):
            boxes, again = one.boxes[one.labels == label], other.boxes[other.labels == label]
            np.testing.assert_allclose(again, boxes, atol=1e-3)


def test_test_images_are_measured_at_the_thresholds_of_the_bundle(tmp_path: Path) -> None:
    bundle = write_detector_bundle(
        tmp_path / "bundle", ("car", "plate"), post_processing={"thresholds": {"car": 0.7}}
    ).folder
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.jsonl").write_text('{"kind": "step", "epoch": 1, "step": 5, "loss": 2.5}\n')
    (run / "config.yaml").write_text("job: detection\n")
    test = cars(tmp_path / "set")
    page = tmp_path / "page.html"
    result = measure_test_images(bundle, run, test, page)
    columns = result.to_json()["per_class"]
    used = {name: (one["threshold"], one["threshold_source"]) for name, one in columns.items()}
    assert used == {"car": (0.7, "bundle"), "plate": (0.3, "bundle")}
    assert columns["car"]["recall"] == 0.5  # the best F1 of these images would have 1
    text = page.read_text(encoding="utf-8")
    rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in re.findall("<tr>(.*?)</tr>", text)]
    thresholds = {row[0]: row[7] for row in rows if len(row) > 7}
    assert thresholds == {"car": "0.700", "plate": "0.300"}
    document = text.split('type="application/json">')[-1].split("</script>")[0]
    assert json.loads(document)["confusion"]["counts"][0] == [1, 0, 1]
    assert "confusion: those of the bundle.</p>" in text


def cars(folder: Path) -> ImageSet:
    """Two images with a car each, to which the bundle of `write_detector_bundle` gives .8, .4."""
    folder.mkdir()
    images = []
    for number, red in enumerate((204, 102)):
        pixels = np.zeros((96, 160, 3), np.uint8)
        box = np.array([paint(pixels, 2, 3, (red, 0, 12))])
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        label, score = np.zeros(1, np.int32), np.ones(1, np.float32)
        images.append(LabelledImage(path, (160, 96), box, label, score))
    return ImageSet(("car", "plate"), tuple(images))
