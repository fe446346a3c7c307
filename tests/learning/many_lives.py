"""A script that trains in processes which it kills or interrupts, again and again in one folder."""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spotting_training
import tiny_training
import torch

from playhead.learning import checkpoint

Run = Callable[..., Any]


def lives(run: Run, folder: Path, plan: list[dict[str, Any]]) -> list[tuple[str, tuple[int, int]]]:
    """Run one training through several lives, each a process forked here.

    A life has `changes` to the settings and one of: `kill_after` and `interrupt_after` (Ctrl-C to
    it and its workers), in parts of the time that the first life took in a folder of its own;
    `kill_at` and `kill_when` (before or after that rename of a file); `interrupt_at_fork` (Ctrl-C
    to all while that child is being forked); or nothing, and it finishes.
    Returns how each ended, and how many epochs, and steps after them, had been saved by then.
    """
    began = time.monotonic()
    _end_of(
        run, folder.with_name(folder.name + "-timed"), {"changes": plan[0].get("changes", {})}, 0
    )
    whole = time.monotonic() - began
    ends = []
    for life in plan:
        code = _end_of(run, folder, life, whole)
        saved = checkpoint.read_checkpoint(folder)
        done = (saved.position.epoch - 1, saved.position.step) if saved else (0, 0)
        if ends and ends[-1][1] == done:
            whole *= 1.5  # the machine has become busier
        ends.append(("killed" if code == -signal.SIGKILL else f"exit {code}", done))
    return ends


def _end_of(run: Run, folder: Path, life: dict[str, Any], whole: float) -> int:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _live(run, folder, life)
    for name, send in (("kill_after", os.kill), ("interrupt_after", os.killpg)):
        if name in life:
            time.sleep(life[name] * whole)
            # A child that has ended is not waited for yet, so its number is still its own.
            send(child, signal.SIGKILL if name == "kill_after" else signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _live(run: Run, folder: Path, life: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "kill_at" in life:
        _kill_at_rename(life["kill_at"], life["kill_when"])
    if "interrupt_at_fork" in life:
        _interrupt_at_fork(life["interrupt_at_fork"])
    code = 1
    try:
        run(folder, resume=True, **life.get("changes", {}))
        code = 0
    except KeyboardInterrupt:
        code = 130
    finally:
        if code == 1:
            traceback.print_exc()
        os._exit(code)


def _kill_at_rename(count: int, when: str) -> None:
    """Die just before or just after the `count`-th file gets its final name."""
    rename, seen = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal seen
        seen += 1
        if seen == count and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        renamed = rename(self, target)
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return renamed

    Path.replace = replace  # type: ignore[method-assign]


def _interrupt_at_fork(count: int) -> None:
    """Send Ctrl-C to the whole group while the `count`-th fork is not yet over."""
    seen = 0

    def interrupt() -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            os.killpg(0, signal.SIGINT)

    os.register_at_fork(after_in_parent=interrupt)


if __name__ == "__main__":
    torch.set_num_threads(1)
    # The first optimiser of a process imports much of torch; the children shall find that done.
    torch.optim.AdamW(tiny_training.tiny_model().parameters())
    kinds: dict[str, Run] = {
        "tiny": tiny_training.run,
        "chosen": tiny_training.run_chosen,
        "spotting": spotting_training.run,
    }
    print(json.dumps(lives(kinds[sys.argv[1]], Path(sys.argv[2]), json.loads(sys.argv[3]))))
