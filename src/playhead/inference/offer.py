"""Asks to fetch packaged weights that a command needs and that are missing.

Nothing is fetched without a yes, and the question is asked only on a terminal.
"""

import sys
from collections.abc import Sequence

from playhead.errors import WeightsError
from playhead.inference.weights import WeightStatus, get_weights, list_weights

__all__ = ["require_weights"]


def require_weights(names: Sequence[str], get: str) -> None:
    """Make sure that every file of `names` is there.

    get: the argument of `playhead weights get` that fetches several of them, for the error message
    On a terminal, asks (y/N) on standard error and fetches them on a yes. Raises WeightsError with
    the missing files, their size and licences, or if fetching fails.
    """
    statuses = {status.weight.name: status for status in list_weights()}
    unknown = [name for name in names if name not in statuses]
    if unknown:
        raise WeightsError(f"{', '.join(unknown)}: no such packaged weights")
    missing = [statuses[name] for name in dict.fromkeys(names) if statuses[name].path is None]
    if not missing:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty() and _agreed(missing)):
        listed = ", ".join(status.weight.name for status in missing)
        command = missing[0].weight.name if len(missing) == 1 else get
        raise WeightsError(
            f"weights {listed} ({_cost(missing)}) are not here yet: fetch them with "
            f"`playhead weights get {command}`"
        )
    for status in missing:
        get_weights(status.weight.name)


def _agreed(missing: Sequence[WeightStatus]) -> bool:
    """Whether the user agrees; end of input means no."""
    listed = ", ".join(status.weight.name for status in missing)
    sys.stderr.write(
        f"weights {listed} are not here yet ({_cost(missing)}). Fetch them now? [y/N] "
    )
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _cost(missing: Sequence[WeightStatus]) -> str:
    """Size, packages and licences of the missing files, in words."""
    weights = [status.weight for status in missing]
    size = sum(weight.bytes for weight in weights) / 1e6
    licences = ", ".join(dict.fromkeys(weight.licence for weight in weights))
    packages = ", ".join(dict.fromkeys(weight.package for weight in weights))
    return f"{size:.1f} MB out of {packages}; licences {licences}"
