"""Sources of labels with planted faults, for normalising."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from playhead.detection.labels.read import read_image_set
from playhead.detection.normalise import normalise
from playhead.detection.normalise.config import NormaliseConfig, load_normalise_config
from playhead.detection.normalise.report import NormaliseReport
from playhead.files import sha256
from tests.detection.labels.image_files import draw

GOOD = "0 .5 .5 .25 .5\n"  # 24, 12, 40, 36 of 64 x 48
VOC = (
    "<annotation><filename>a.jpg</filename><size><width>{0}</width><height>{1}</height></size>"
    "<object><name>car</name><bndbox><xmin>25</xmin><ymin>13</ymin><xmax>40</xmax><ymax>36</ymax>"
    "</bndbox></object></annotation>"
)


def yolo(
    root: Path, labels: Mapping[str, str | bytes], *, classes: str = "car\nplate\n", seed: int = 0
) -> Path:
    """A folder of images and YOLO labels; an image of its own for each label file."""
    for place, (name, text) in enumerate(labels.items()):
        draw(root / "images" / f"{name}.jpg", seed=seed + place)
        path = root / "labels" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if classes:
        (root / "classes.txt").write_text(classes)
    return root


def config_of(*sources: str | Path, **said: object) -> NormaliseConfig:
    return load_normalise_config([str(one) for one in sources], said)


def run(out: Path, *sources: str | Path, **said: object) -> NormaliseReport:
    return normalise(config_of(*sources, **said), out)


def found(report: NormaliseReport, source: int = 0) -> dict[str, int]:
    """How often each kind of case was counted for a source."""
    return {str(kind): count for kind, (count, _) in report.sources[source].cases.items()}


def checksums(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file under a folder with its contents and its time."""
    return {
        path.relative_to(folder).as_posix(): (sha256(path), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def boxes_of(out: Path) -> dict[str, list[tuple[str, list[float]]]]:
    """What stands in a written set: by image the class and the rounded corners of each box."""
    read = read_image_set(out)
    return {
        one.path.relative_to(out.resolve() / "images").as_posix(): [
            (read.classes[label], np.round(box, 3).tolist())
            for label, box in zip(one.labels, one.boxes, strict=True)
        ]
        for one in read.images
    }
