"""Files are written whole or not at all, and stay inside the folder the user named."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playhead import files
from playhead.errors import PlayheadError, StorageError
from playhead.files import (
    atomic_path,
    inside,
    is_temporary,
    new_folder,
    remove_leftovers,
    sha256,
    was_cut_short,
    write_text,
)

WRITING = """
import sys, time
from pathlib import Path
from playhead.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    time.sleep(600)
"""
WRITING_A_FOLDER = """
import sys, time
from pathlib import Path
from playhead.files import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "a.txt").write_text("half")
    print(folder.parent, flush=True)
    time.sleep(600)
"""
DAY = 86_400


def writer_of(final: Path, script: str = WRITING) -> tuple[subprocess.Popen[str], Path]:
    """A process that is writing `final`, and its temporary file or folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(final)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


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


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    killed, left = writer_of(tmp_path / "a.mp4")
    living, half = writer_of(tmp_path / "b.mp4")
    try:
        kill(killed)
        remove_leftovers(tmp_path)
        assert not left.exists()
        assert half.read_text() == "half"
    finally:
        kill(living)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_killed_and_is_not_waited_for_yet_is_dead(tmp_path: Path) -> None:
    process, left = writer_of(tmp_path / "a.mp4")
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    remove_leftovers(tmp_path)
    assert not left.exists()
    process.wait()


def test_writing_into_a_folder_removes_what_a_killed_process_left_there(tmp_path: Path) -> None:
    process, _ = writer_of(tmp_path / "a.mp4")
    kill(process)
    write_text(tmp_path / "b.txt", "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_another_process_of_the_same_number_does_not_keep_a_leftover(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.mp4") as temporary:
        parts = temporary.name.split("-")
        parts[3] = f"{int(parts[3], 16) + 1:x}"  # when it started
        earlier = tmp_path / "-".join(parts)
        earlier.write_text("half")
        remove_leftovers(tmp_path)
        assert not earlier.exists()
        assert temporary.exists()


def test_what_another_machine_writes_is_left_for_a_day_without_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, left = writer_of(tmp_path / "a.mp4")
    kill(process)
    monkeypatch.setattr(files, "_machine", lambda: "0" * 8)
    remove_leftovers(tmp_path)
    assert left.exists()
    os.utime(left, (time.time() - 1.1 * DAY,) * 2)
    remove_leftovers(tmp_path)
    assert not left.exists()


def test_files_that_are_not_ours_are_never_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, left = writer_of(tmp_path / "a.mp4")
    kill(process)
    others = [
        tmp_path / ".download.partial.mp4",
        tmp_path / "film.partial",
        tmp_path / left.name.removeprefix("."),
        tmp_path / left.name.replace(".partial", ""),
    ]
    for path in others:
        path.write_text("mine")
        os.utime(path, (0, 0))
    (tmp_path / left.name.replace(".mp4", ".mkv")).symlink_to(others[0])
    remove_leftovers(tmp_path)
    assert not left.exists()
    assert [path.read_text() for path in others] == ["mine"] * len(others)
    left.write_text("half")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)  # another user's
    remove_leftovers(tmp_path)
    assert left.exists()


def test_a_file_is_known_to_be_cut_short_by_what_its_killed_process_left(tmp_path: Path) -> None:
    process, left = writer_of(tmp_path / "a.mp4")
    assert not was_cut_short(tmp_path / "a.mp4")
    kill(process)
    assert is_temporary(left)
    assert was_cut_short(tmp_path / "a.mp4")
    assert not was_cut_short(tmp_path / "b.mp4")
    assert not was_cut_short(tmp_path / "none" / "a.mp4")


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / ("n" * 251 + ".txt"), "x")


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_new_folder_appears_complete_under_its_final_name(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "set"
    with new_folder(final) as folder:
        (folder / "a.txt").write_text("a")
        assert not final.exists()
    assert names(tmp_path) == ["deep", "deep/set", "deep/set/a.txt"]
    assert final.stat().st_mode == (tmp_path / "deep").stat().st_mode


def test_a_new_folder_that_fails_leaves_nothing_and_keeps_the_old_one(tmp_path: Path) -> None:
    write_text(tmp_path / "set" / "old.txt", "old")
    with pytest.raises(RuntimeError), new_folder(tmp_path / "set", overwrite=True) as folder:
        (folder / "half.txt").write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["set", "set/old.txt"]


def test_a_new_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "set" / "old.txt", "old")
    with new_folder(tmp_path / "set", overwrite=True) as folder:
        (folder / "new.txt").write_text("new")
    assert names(tmp_path) == ["set", "set/new.txt"]


def test_an_old_folder_is_put_back_when_the_new_one_cannot_be_moved(tmp_path: Path) -> None:
    write_text(tmp_path / "set" / "old.txt", "old")
    with (
        pytest.raises(StorageError, match="writing failed"),
        new_folder(tmp_path / "set", overwrite=True) as folder,
    ):
        folder.rmdir()
    assert names(tmp_path) == ["set", "set/old.txt"]


@pytest.mark.parametrize("name", ["set", "set/old.txt"])
def test_a_folder_with_content_and_a_file_are_kept_without_overwrite(
    name: str, tmp_path: Path
) -> None:
    write_text(tmp_path / "set" / "old.txt", "old")
    with pytest.raises(StorageError, match="already exists"), new_folder(tmp_path / name):
        pass
    assert names(tmp_path) == ["set", "set/old.txt"]


def test_an_empty_folder_is_replaced_without_overwrite(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    with new_folder(tmp_path / "set") as folder:
        (folder / "new.txt").write_text("new")
    assert names(tmp_path) == ["set", "set/new.txt"]


def test_a_new_folder_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("")
    with pytest.raises(StorageError, match="cannot write here"), new_folder(tmp_path / "blocked/a"):
        pass


def test_a_new_folder_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    killed, left = writer_of(tmp_path / "a", WRITING_A_FOLDER)
    living, half = writer_of(tmp_path / "b", WRITING_A_FOLDER)
    try:
        kill(killed)
        remove_leftovers(tmp_path)
        assert not left.exists()
        assert (half / "new" / "a.txt").read_text() == "half"
    finally:
        kill(living)
    assert is_temporary(half)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_whose_replacement_was_killed_halfway_is_never_removed(tmp_path: Path) -> None:
    process, left = writer_of(tmp_path / "a", WRITING_A_FOLDER)
    kill(process)
    write_text(left / "replaced" / "old.txt", "old")
    remove_leftovers(tmp_path)
    assert (left / "replaced" / "old.txt").read_text() == "old"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlayheadError, match="is outside of"):
        inside(tmp_path, name)


def test_a_path_with_a_nul_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlayheadError, match="is not a valid path"):
        inside(tmp_path, "a\0b")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(PlayheadError, match="is outside of"):
        inside(root, "link/secret")


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"playhead" * 100_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"playhead" * 100_000).hexdigest()
