"""The record of a synthesis, `synthesis.json`: what was pasted where, and from which files.

A folder has images of one set, one configuration and one seed. Since schema 2, each image has the
checksums of its source files, so that leaks into validation or test images are detected.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from playhead.detection.labels.write import names_of
from playhead.detection.synthesis.pasting import Pasted
from playhead.errors import ConfigError
from playhead.events.images import ImageSet
from playhead.files import write_text

__all__ = [
    "RECORD",
    "Record",
    "checksum",
    "is_synthesised",
    "label_rows",
    "read_record",
    "synthesised_name",
]

RECORD = "synthesis.json"
_SCHEMA = 2
_READ = (1, 2)


@dataclass(frozen=True, slots=True)
class Record:
    """The inputs of a synthesis, and its images by number.

    source: checksum of the labels that were cut out; backgrounds: checksum of the backgrounds
    """

    classes: tuple[str, ...]
    source: str
    backgrounds: str
    seed: int
    settings: dict[str, Any]
    images: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def next_number(self) -> int:
        """The number after the last image."""
        return max(self.images, default=-1) + 1

    def with_existing(self, out: Path) -> Self:
        """The record with the images already in `out`; ConfigError if `out` has other content."""
        path = out / RECORD
        if not path.is_file():
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise ConfigError(f"{out}: is not a synthesis; choose a new folder")
            return self
        existing = read_record(path)
        for name in ("classes", "source", "backgrounds", "seed", "settings"):
            new, old = getattr(self, name), getattr(existing, name)
            if new == old:
                continue
            difference = f"was {old}, now {new}"
            if isinstance(old, dict):
                keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
                pairs = (f"{key} was {old.get(key)}, now {new.get(key)}" for key in keys)
                difference = ", ".join(pairs)
            raise ConfigError(
                f"{out}: is a synthesis with other {name} ({difference}); continue with the same, "
                "or choose a new folder"
            )
        return replace(self, images=existing.images)

    def add(
        self,
        number: int,
        image: str,
        background: str,
        pasted: Sequence[Pasted],
        *,
        made_of: Sequence[str],
    ) -> None:
        """Add image `number`; made_of: the SHA-256 of its background and its cut-outs' images."""
        rows = [
            {
                "label": self.classes[paste.label],
                "box": [round(side, 3) for side in paste.box],
                "blending": paste.blending,
                "scale": round(paste.scale, 4),
                "mirrored": paste.mirrored,
                "gain": round(paste.gain, 4),
                "faded": paste.faded,
            }
            for paste in pasted
        ]
        self.images[number] = {
            "image": image,
            "background": background,
            "pasted": rows,
            "made_of": sorted(set(made_of)),
        }

    def in_order(self) -> tuple[str, ...]:
        """The names of the images, by number."""
        return tuple(self.images[number]["image"] for number in sorted(self.images))

    def write(self, out: Path) -> None:
        """Write `synthesis.json`, whole or not at all."""
        document = {"schema": _SCHEMA} | asdict(self)
        document["images"] = {str(number): self.images[number] for number in sorted(self.images)}
        write_text(out / RECORD, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def checksum(labelled: ImageSet) -> str:
    """A checksum of the names, sizes and labels of a set."""
    rows = "\n".join((*labelled.classes, *label_rows(labelled)))
    # File names may have bytes that are not UTF-8.
    return hashlib.sha256(rows.encode(errors="surrogateescape")).hexdigest()


def label_rows(labelled: ImageSet) -> Iterator[str]:
    """A line for each image of a set: its name, size and labels."""
    names = names_of([image.path for image in labelled.images])
    for name, image in zip(names, labelled.images, strict=True):
        yield f"{name} {image.size} {image.labels.tolist()} {image.boxes.tolist()}"


def synthesised_name(seed: int, number: int) -> str:
    """The file name of image `number`."""
    return f"pasted_{seed}_{number:06d}.jpg"


def is_synthesised(name: str) -> bool:
    """Whether a file has the name of a synthesised image."""
    return re.fullmatch(r"pasted_\d+_\d{6,}\.jpg", name) is not None


def read_record(path: Path) -> Record:
    """Read the record of a synthesis; ConfigError for another file, or a newer schema."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        schema = document.pop("schema")
        images = {int(number): entry for number, entry in document.pop("images").items()}
        record = Record(**document | {"classes": tuple(document["classes"]), "images": images})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: is not a record of a synthesis ({error})") from error
    if schema not in _READ:
        raise ConfigError(
            f"{path}: has schema {schema}, but this version reads up to {_SCHEMA}; update playhead"
        )
    return record
