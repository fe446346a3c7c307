"""The demo's labels: scattered over folders where all is class 0, and made one set again."""

from pathlib import Path

import numpy as np

from playhead.events.pictures.files import read_pictures
from playhead.redaction.detector.demo import scatter
from playhead.redaction.detector.normalise import normalise
from playhead.redaction.detector.normalise_config import load_normalise_config
from tests.redaction.detector.drawn_set import CLASSES, draw_set


def test_what_was_scattered_over_folders_becomes_the_same_set_again(tmp_path: Path) -> None:
    manifest = draw_set(tmp_path / "drawn")
    sources = scatter(manifest, tmp_path / "scattered")
    labels = [path.read_text() for path in (tmp_path / "scattered").rglob("*.txt")]
    assert {line.split()[0] for text in labels for line in text.splitlines()} == {"0"}
    said = {"images": manifest.parent / "images", "classes": list(CLASSES)}
    normalise(load_normalise_config(sources, said), tmp_path / "set")
    before, after = read_pictures(manifest), read_pictures(tmp_path / "set")
    assert after.classes == before.classes
    assert [one.path.name for one in after.pictures] == [one.path.name for one in before.pictures]
    for one, other in zip(before.pictures, after.pictures, strict=True):
        for label in range(len(CLASSES)):
            boxes, again = one.boxes[one.labels == label], other.boxes[other.labels == label]
            np.testing.assert_allclose(again, boxes, atol=1e-3)
