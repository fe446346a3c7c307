"""The examples on the page about formats are files that can be read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from playhead.events.formats import FORMATS, read_events
from playhead.events.formats.detect import detect
from playhead.events.formats.tracks import COLUMNS, META_KEYS
from playhead.events.manifest import read_manifest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"
EXAMPLES = re.findall(r"```\w+ (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
NO_EVENTS = {"manifest.csv", "street.edits.json"}
BY_FRAME = {"boxes.csv", "train_labels.csv"}
COUNTS = {"labels.csv": 3, "Aktionen.csv": 2, "a.srt": 3}


@pytest.mark.parametrize(("name", "text"), [pair for pair in EXAMPLES if pair[0] not in NO_EVENTS])
def test_an_example_is_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    columns = {"time": "Zeit", "label": "Aktion"} if name == "Aktionen.csv" else None
    rate = 60 if name in BY_FRAME else None
    videos = read_events(tmp_path / name, rate=rate, columns=columns)
    assert sum(len(video.events) for video in videos) == COUNTS.get(name, 2)


def test_the_example_of_a_manifest_is_read(tmp_path):
    text = dict(EXAMPLES)["manifest.csv"]
    for cell in re.findall(r"[^,\n]+\.(?:mp4|csv|json)", text):
        (tmp_path / cell).parent.mkdir(exist_ok=True)
        (tmp_path / cell).touch()
    (tmp_path / "manifest.csv").write_text(text)
    assert detect(tmp_path / "manifest.csv") == "manifest"
    assert [row.group for row in read_manifest(tmp_path / "manifest.csv")] == [
        "derby",
        "derby",
        "final",
    ]


def test_every_format_has_its_row():
    of_events = PAGE.read_text(encoding="utf-8").split("## Scores")[0]
    assert re.findall(r"^\| \[`(\w+)`\]", of_events, re.MULTILINE) == list(
        dict.fromkeys(["native", "csv", "manifest", *FORMATS])
    )


def test_the_columns_and_the_description_of_a_track_file_are_those_that_are_read():
    section = PAGE.read_text(encoding="utf-8").split("## Tracks")[1].split("## Edits")[0]
    rows = re.findall(r"^\| \d+\. `(\w+)` \| (\w+) \| \(\w+(?:, (\d))?\) \|", section, re.MULTILINE)
    assert rows == [
        (name, str(np.dtype(kind)), str(row[0]) if row else "")
        for name, (kind, row) in COLUMNS.items()
    ]
    [described] = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    assert tuple(json.loads(described)) == META_KEYS
