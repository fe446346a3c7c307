"""Leaks: training images that were synthesised from validation or test images.

`synthesise` cuts objects out of images and pastes them into others. Its record has the checksum of
every source file of an image, so a renamed copy is recognised too.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from playhead.detection.synthesis.record import RECORD, is_synthesised, read_record
from playhead.errors import LabelError
from playhead.events.images import ImageSet, LabelledImage
from playhead.files import sha256

__all__ = ["refuse_made_of"]


def refuse_made_of(train: ImageSet, held_out: Sequence[LabelledImage]) -> None:
    """Raise LabelError for a training image that was synthesised from a held-out image.

    held_out: the validation images, and those of other splits. A record of schema 1 has no
    checksums, so the file name of the background is compared. Raises LabelError also for
    synthesised images without their record, whose sources are unknown.
    """
    synthesised = _synthesised(train.images)
    if not synthesised:
        return
    files = [image for image in held_out if image.path.is_file()]
    by_checksum = {sha256(image.path): image for image in files}
    by_name = {image.path.name: image for image in files}
    for path, entry in synthesised:
        if "made_of" in entry:
            shared = [by_checksum[key] for key in entry["made_of"] if key in by_checksum]
        else:
            name = PurePosixPath(entry["background"]).name
            shared = [by_name[name]] if name in by_name else []
        if shared:
            raise LabelError(
                f"{path}: a training image that was synthesised from {shared[0].path}, which is "
                f"held out ({shared[0].split or 'valid'}), so metrics would be optimistic; "
                "synthesise again, from training images and backgrounds that are not held out"
            )


def _synthesised(images: Sequence[LabelledImage]) -> list[tuple[Path, dict[str, Any]]]:
    """The synthesised images among these, each with its entry in the record of its folder."""
    records: dict[Path, dict[str, dict[str, Any]]] = {}
    synthesised = []
    for image in images:
        path = image.path.parent.parent / RECORD  # of a set with its images in a folder `images`
        if path not in records:
            entries = read_record(path).images.values() if path.is_file() else ()
            records[path] = {entry["image"]: entry for entry in entries}
        entry = records[path].get(image.path.name)
        if entry is not None:
            synthesised.append((image.path, entry))
        elif is_synthesised(image.path.name):
            raise LabelError(
                f"{image.path}: is named like a synthesised image, but {path} has no entry for it, "
                f"so its source images are unknown; put the {RECORD} of the synthesis there, or "
                "synthesise again"
            )
    return synthesised
