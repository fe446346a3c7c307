"""Files are written whole or not at all, and stay inside the folder the user named."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from playhead.errors import PlayheadError, StorageError
from playhead.files import atomic_path, inside, sha256, write_text


def test_what_stood_there_stays_when_writing_fails(tmp_path: Path) -> None:
    final = tmp_path / "a.txt"
    write_text(final, "old")
    with pytest.raises(RuntimeError), atomic_path(final) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_a_full_disk_is_a_storage_error_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "a.txt"
    write_text(final, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_text(final, "new")
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_a_name_that_is_no_utf_8_is_a_storage_error_and_the_old_file_stays(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(StorageError, match="rename that file"):
        write_text(tmp_path / "a.txt", "caf\udce9.jpg")
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_file_where_a_folder_should_be_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    with pytest.raises(StorageError, match="cannot write here"):
        write_text(tmp_path / "blocked" / "a.txt", "x")


def test_the_temporary_file_keeps_the_suffix_that_encoders_choose_by(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a b é.mp4") as temporary:
        assert temporary.suffix == ".mp4"
        temporary.write_bytes(b"x")
    assert (tmp_path / "a b é.mp4").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlayheadError, match="leads out of"):
        inside(tmp_path, name)


def test_what_is_no_path_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="is no path"):
        inside(tmp_path, "a\0b")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(PlayheadError, match="leads out of"):
        inside(root, "link/secret")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"playhead" * 100_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"playhead" * 100_000).hexdigest()
