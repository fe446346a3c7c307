"""The examples of labelled images on the page about formats are files that can be read."""

import re
from pathlib import Path

import pytest

from playhead.detection.labels.read import read_image_set
from playhead.detection.labels.write import write_images

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "formats.md"
SECTION = PAGE.read_text(encoding="utf-8").split("## Labelled images")[1].split("\n## ")[0]
EXAMPLES = re.findall(r"```(json|csv)\n(.*?)```", SECTION, re.DOTALL)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=[kind for kind, _ in EXAMPLES])
def test_an_example_is_read(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / f"boxes.{kind}").write_text(text)
    read = read_image_set(tmp_path / f"boxes.{kind}")
    assert read.classes == ("plate",)
    assert read.images[0].boxes.tolist() == [[4, 6, 20, 18]]
    assert [len(one.labels) for one in read.images[1:]] in ([], [0])
    write_images(read, tmp_path, ["csv" if kind == "csv" else "coco"], predictions=True)


def test_both_examples_are_there() -> None:
    assert [kind for kind, _ in EXAMPLES] == ["json", "csv"]
