import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from playhead.errors import BundleError, StorageError
from playhead.files import sha256
from playhead.inference.bundle import (
    SCHEMA,
    Bundle,
    load_bundle,
    new_bundle_folder,
    note_in_bundle,
    verify_bundle,
)
from playhead.inference.dense import WindowPlan
from playhead.samples.windows import WindowSpec

FILES = ["README.md", "bundle.json", "encode.onnx", "fuse.onnx", "model.safetensors"]


@pytest.fixture
def copy(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.folder, tmp_path / "copy"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sign_again(folder: Path) -> None:
    """Write checksums that fit whatever the folder now holds."""
    signed = [name for name in names(folder) if name != "SHA256SUMS"]
    lines = [f"{sha256(folder / name)}  {name}\n" for name in signed]
    (folder / "SHA256SUMS").write_text("".join(lines))


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    sign_again(path.parent)


@pytest.mark.slow
def test_a_bundle_is_read_as_it_was_written(bundle: Bundle) -> None:
    assert load_bundle(bundle.folder) == bundle
    assert verify_bundle(bundle.folder) == FILES
    assert bundle.manifest.classes == ("pass", "drive")
    assert bundle.manifest.parts["encode"].input.shape == (None, 3, 16, 24)


@pytest.mark.slow
def test_its_checksums_are_those_of_sha256sum(bundle: Bundle) -> None:
    lines = (bundle.folder / "SHA256SUMS").read_text().splitlines()
    assert lines == [f"{sha256(bundle.folder / name)}  {name}" for name in FILES]


def test_the_manifest_says_its_schema_under_that_name(bundle: Bundle) -> None:
    assert json.loads((bundle.folder / "bundle.json").read_text())["schema"] == SCHEMA
    assert bundle.manifest.model_dump(mode="json")["schema"] == SCHEMA


def test_the_card_says_what_is_found_and_how_well(bundle: Bundle) -> None:
    card = (bundle.folder / "README.md").read_text()
    assert "pass, drive" in card
    assert "| map@1 | 0.7100 |" in card
    assert "24x16" in card


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_found(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name}: does not match its checksum"):
        load_bundle(copy)


@pytest.mark.parametrize("name", ["README.md", "encode.onnx", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: is missing"):
        load_bundle(copy)


@pytest.mark.parametrize("name", ["extra.bin", "inner/extra.bin", ".hidden"])
def test_a_file_that_is_not_listed_is_named(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("surprise")
    with pytest.raises(BundleError, match=f"{name}: is not listed"):
        load_bundle(copy)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "inner/../../secret"])
def test_a_listed_path_that_leaves_the_folder_is_refused(copy: Path, name: str) -> None:
    (copy.parent / "secret").write_text("s")
    with (copy / "SHA256SUMS").open("a") as sums:
        sums.write(f"{sha256(copy.parent / 'secret')}  {name}\n")
    with pytest.raises(BundleError, match="is outside of"):
        verify_bundle(copy)


def test_a_link_that_leaves_the_folder_is_refused(copy: Path) -> None:
    (copy.parent / "weights").write_bytes((copy / "model.safetensors").read_bytes())
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors").symlink_to(copy.parent / "weights")
    with pytest.raises(BundleError, match="is outside of"):
        load_bundle(copy)


def test_a_graph_outside_the_folder_is_refused(copy: Path) -> None:
    parts = json.loads((copy / "bundle.json").read_text())["parts"]
    parts["encode"]["file"] = "../encode.onnx"
    change(copy / "bundle.json", parts=parts)
    with pytest.raises(BundleError, match="is outside of"):
        load_bundle(copy)


def test_a_newer_schema_is_refused_with_the_remedy(copy: Path) -> None:
    change(copy / "bundle.json", schema=SCHEMA + 1, unheard_of=True)
    with pytest.raises(BundleError, match=f"schema {SCHEMA + 1}.*update playhead"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"classes": []}, "classes"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"parts": {}}, "parts"),
        ({"schema": "one"}, "cannot be read as a manifest"),
    ],
)
def test_a_manifest_that_does_not_fit_names_the_field(
    copy: Path, values: dict[str, object], words: str
) -> None:
    change(copy / "bundle.json", **values)
    with pytest.raises(BundleError, match=words):
        load_bundle(copy)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "SHA256SUMS").unlink(),
        lambda folder: (folder / "SHA256SUMS").write_text("no checksum\n"),
        lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "SHA256SUMS").write_text(""),
    ],
)
def test_checksums_that_are_none_are_refused(copy: Path, spoil: Callable[[Path], object]) -> None:
    spoil(copy)
    with pytest.raises(BundleError, match="SHA256SUMS"):
        load_bundle(copy)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"it has no bundle\.json"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("rate", ["25", "30000/1001", "native", "12.5"])
def test_a_rate_is_a_rational_or_native(rate: str) -> None:
    assert WindowPlan(window=WindowSpec(), rate=rate, size=(8, 8)).rate == rate


@pytest.mark.parametrize("rate", ["0", "-25", "fast", "1/0", ""])
def test_another_rate_is_refused(rate: str) -> None:
    with pytest.raises(ValidationError, match="positive rational"):
        WindowPlan(window=WindowSpec(), rate=rate, size=(8, 8))


def test_what_fails_leaves_nothing_behind_and_the_old_bundle_in_place(copy: Path) -> None:
    before = verify_bundle(copy)

    def fail() -> None:
        with new_bundle_folder(copy) as made:
            (made / "half").write_text("written")
            raise BundleError("on purpose")

    with pytest.raises(BundleError, match="on purpose"):
        fail()
    assert verify_bundle(copy) == before
    assert names(copy.parent) == ["copy"]


def test_a_new_bundle_replaces_the_old_one_whole(copy: Path) -> None:
    with new_bundle_folder(copy) as made:
        (made / "only").write_text("this")
    assert names(copy) == ["only"]
    assert names(copy.parent) == ["copy"]


def test_the_old_bundle_stays_where_the_new_one_cannot_be_moved_in(copy: Path) -> None:
    with pytest.raises(StorageError, match="writing failed"), new_bundle_folder(copy) as made:
        made.rmdir()
    assert verify_bundle(copy)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("years of work")
    with (
        pytest.raises(BundleError, match="is not a bundle"),
        new_bundle_folder(tmp_path / "thesis"),
    ):
        pass
    assert (tmp_path / "thesis" / "chapter").exists()


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot write"), new_bundle_folder(tmp_path / "file/b"):
        pass


def test_the_folder_of_a_run_stands_for_its_bundle(bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(bundle.folder, tmp_path / "run" / "bundle")
    run, inner = tmp_path / "run", tmp_path / "run" / "bundle"
    assert load_bundle(run) == load_bundle(inner)
    assert verify_bundle(run) == verify_bundle(inner)
    assert note_in_bundle(run, metrics={"f1": 1.0}).folder == inner
    assert load_bundle(run).manifest.metrics["f1"] == 1.0


def test_a_folder_without_a_bundle_is_answered_with_what_it_has(
    bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="there is no such folder"):
        load_bundle(tmp_path / "nothing")
    with pytest.raises(BundleError, match="no bundle.json, but nothing$"):
        load_bundle(tmp_path)
    shutil.copytree(bundle.folder, tmp_path / "first" / "bundle")
    (tmp_path / "log.txt").write_text("text")
    with pytest.raises(BundleError, match=r"but first, log.txt; its bundles are .*first/bundl"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="is a file"):
        load_bundle(tmp_path / "log.txt")
    (tmp_path / "second" / "checkpoint").mkdir(parents=True)
    (tmp_path / "second" / "config.yaml").write_text("job: spotting")
    with pytest.raises(BundleError, match="its training has not ended"):
        load_bundle(tmp_path / "second")
