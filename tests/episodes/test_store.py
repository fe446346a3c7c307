"""The store gives back what was written, and nothing that is damaged."""

from pathlib import Path

import numpy as np
import pytest

from playhead.episodes.sound.store import entry_path, load_entry, new_entry


def written(entry: Path) -> Path:
    with new_entry(entry) as writer:
        for start in range(0, 100, 7):
            writer.append("numbers", np.arange(start, min(100, start + 7), dtype=np.int16))
            writer.append("rows", np.full((1, 3), start, np.float32))
        writer.values["start"] = 0.25
    return entry


def test_arrays_and_values_come_back_memory_mapped(tmp_path: Path) -> None:
    stored = load_entry(written(tmp_path / "entry"))
    assert stored is not None
    arrays, values = stored
    assert values == {"start": 0.25}
    assert arrays["numbers"].tolist() == list(range(100))
    assert arrays["rows"].shape == (15, 3)
    assert isinstance(arrays["numbers"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        arrays["numbers"][0] = 1


@pytest.mark.parametrize("damage", ["none", "cut", "bytes", "array", "values", "schema"])
def test_a_damaged_entry_counts_as_missing(tmp_path: Path, damage: str) -> None:
    entry = written(tmp_path / "entry")
    array, values = entry / "numbers.npy", entry / "entry.json"
    match damage:
        case "cut":
            array.write_bytes(array.read_bytes()[:-10])
        case "bytes":
            array.write_bytes(array.read_bytes()[:-1] + b"?")
        case "array":
            array.unlink()
        case "values":
            values.write_text("{")
        case "schema":
            values.write_text(values.read_text().replace('"schema": 1', '"schema": 2'))
    assert (load_entry(entry) is None) == (damage != "none")


def test_a_failed_entry_leaves_the_old_one(tmp_path: Path) -> None:
    entry = written(tmp_path / "entry")

    with pytest.raises(KeyError), new_entry(entry) as writer:
        writer.append("numbers", np.zeros(3, np.int16))
        raise KeyError
    stored = load_entry(entry)
    assert stored is not None
    assert len(stored[0]["numbers"]) == 100
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_rows_of_another_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not fit"), new_entry(tmp_path / "entry") as writer:
        writer.append("numbers", np.zeros(3, np.int16))
        writer.append("numbers", np.zeros(3, np.int32))


def test_a_renamed_file_keeps_its_entry_and_a_changed_one_does_not(tmp_path: Path) -> None:
    first, renamed = tmp_path / "a.mkv", tmp_path / "b.mkv"
    first.write_bytes(b"1" * 100)
    renamed.write_bytes(b"1" * 100)
    entry = entry_path(first, "sound", tmp_path)
    assert entry_path(renamed, "sound", tmp_path) == entry
    renamed.write_bytes(b"1" * 99 + b"2")
    assert entry_path(renamed, "sound", tmp_path) != entry
