"""Output rules of every job: inputs are never overwritten, outputs only with `--overwrite`."""

from collections.abc import Sequence
from pathlib import Path

from playhead.errors import MediaError, PlayheadError
from playhead.media.kinds import kind_of

__all__ = ["check_folder", "check_outputs"]


def check_folder(out: Path) -> None:
    """Raise PlayheadError if `out` is a file, or has the name of a video or an image."""
    if out.exists() and not out.is_dir():
        raise PlayheadError(f"{out}: is a file; --out needs a folder to write into")
    if kind_of(out) is not None:
        raise PlayheadError(f"--out {out}: names a file; it is the folder to write into")


def check_outputs(
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    *,
    overwrite: bool,
    remedy: str = "--overwrite replaces it",
) -> None:
    """Raise an error for an output that is an input, or that exists unless `overwrite`."""
    for output in outputs:
        if not output.exists():
            continue
        for path in inputs:
            if path.exists() and output.samefile(path):
                raise MediaError(f"{path}: an output would replace this input; name another --out")
        if not overwrite:
            raise PlayheadError(f"{output}: exists already; {remedy}")
