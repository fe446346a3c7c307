"""Labelled images of squares and discs on noise, which a tiny detector learns in seconds."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from playhead.config import validate
from playhead.detection.config import DetectorConfig

CLASSES = ("disc", "square")
SIDE = 96

TINY: dict[str, Any] = {
    "data": {"size": [SIDE, SIDE]},
    "augmentation": {"mosaic": 0.3, "scale": [0.9, 1.2], "plain_epochs": 1},
    "model": {
        "encoder": "mobilenetv2_035",
        "weights": "none",
        "strides": [8, 16],
        "channels": 16,
        "head_blocks": 1,
    },
    "training": {
        "precision": "fp32",
        "epochs": 2,
        "batch_size": 4,
        "rate": 3e-3,
        "final_rate": 1e-4,
        "ema": 0.9,
        "clip_norm": 10.0,
        "seed": 3,
        "threads": 1,
        "log_steps": 2,
    },
}


def draw_set(folder: Path, count: int = 16, *, seed: int = 0, valid: float = 0.25) -> Path:
    """Write images, labels, classes.txt and a manifest; the path of the manifest."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    rows = ["video,labels,group,view,split,offset"]
    for number in range(count):
        name = f"drawn-{number:03d}"
        image, lines = _drawn(rng)
        image.save(folder / "images" / f"{name}.png")
        (folder / "labels" / f"{name}.txt").write_text("".join(lines))
        split = "valid" if number >= count * (1 - valid) else "train"
        rows.append(f"images/{name}.png,labels/{name}.txt,{name},,{split},")
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(rows) + "\n")
    return manifest


def tiny_config(manifest: Path, **sections: Any) -> DetectorConfig:
    """The configuration of a training of seconds; sections are laid over its own."""
    document = {name: dict(values) for name, values in TINY.items()}
    document["data"]["manifest"] = str(manifest)
    for name, values in sections.items():
        document[name] = {**document.get(name, {}), **values}
    return validate(DetectorConfig, document, source="test")


def _drawn(rng: np.random.Generator) -> tuple[Image.Image, list[str]]:
    noise = rng.integers(0, 80, (SIDE, SIDE, 3), dtype=np.uint8)
    image, lines = Image.fromarray(noise), []
    pen = ImageDraw.Draw(image)
    for column, label in enumerate(rng.permutation(2)):
        side = int(rng.integers(18, 34))
        x = column * SIDE // 2 + int(rng.integers(2, SIDE // 2 - side - 2))
        y = int(rng.integers(2, SIDE - side - 2))
        draw = pen.rectangle if label else pen.ellipse
        draw([x, y, x + side - 1, y + side - 1], fill=(240, 220, 60) if label else (60, 160, 250))
        middle = (x + side / 2) / SIDE, (y + side / 2) / SIDE
        lines.append(
            f"{label} {middle[0]:.6f} {middle[1]:.6f} {side / SIDE:.6f} {side / SIDE:.6f}\n"
        )
    return image, lines
