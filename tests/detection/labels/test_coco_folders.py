"""Folders of COCO documents, beside JSON that is something else."""

import json
from pathlib import Path

import pytest

from playhead.detection.labels.files import read_pictures
from playhead.errors import LabelError
from tests.detection.label_sources import boxes_of, found, run
from tests.detection.labels.test_coco_entries import written

OTHERS = ({"tool": "x"}, ["car"], 7, {"annotations": []})


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("name", ["meta.json", "z.json"])
def test_json_that_is_no_coco_is_passed_over_beside_a_document(
    name: str, other: object, tmp_path: Path
) -> None:
    """Before it in the order of names, and behind it."""
    written(tmp_path / "in")
    (tmp_path / "in" / name).write_text(json.dumps(other))
    report = run(tmp_path / "out", tmp_path / "in")
    assert found(report)["JSON that is no COCO"] == 1
    assert {key: len(boxes) for key, boxes in boxes_of(tmp_path / "out").items()} == {
        "a.jpg": 1,
        "b.jpg": 1,
    }


def test_a_folder_of_no_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "meta.json").write_text('{"tool": "x"}')
    with pytest.raises(LabelError, match=r"meta\.json: needs 'images', has tool"):
        run(tmp_path / "out", tmp_path / "in")


def test_broken_json_beside_a_document_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "in")
    (tmp_path / "in" / "meta.json").write_text('{"tool": ')
    with pytest.raises(LabelError, match=r"meta\.json: line 1"):
        run(tmp_path / "out", tmp_path / "in")


def test_a_strict_reading_refuses_json_that_is_no_coco(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "meta.json").write_text('{"tool": "x"}')
    with pytest.raises(LabelError, match=r"meta\.json: has no `images` .* move it out"):
        read_pictures(tmp_path)
