"""Inspection of a video: its properties and its damage, by one full decoding pass."""

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from playhead.errors import FileFailure
from playhead.media.damage import Damage
from playhead.media.late import count_sound
from playhead.media.video import open_video

__all__ = ["VideoInfo", "inspect"]


@dataclass(frozen=True)
class VideoInfo:
    """What `playhead info` reports of a file; a failed one has a reason and zeros.

    status: ok, partial (some frames cannot be read) or failed (none can)
    duration: seconds from the first frame to the end of the last
    rate: frames per second, the mean where it varies
    rotation: degrees clockwise that reading turns the stored image by
    timestamps: "container", or "synthesised" if the times are computed from the rate
    """

    path: Path
    status: Literal["ok", "partial", "failed"]
    frames: int = 0
    duration: float = 0.0
    rate: Fraction = Fraction(0)
    variable_rate: bool = False
    width: int = 0
    height: int = 0
    rotation: int = 0
    audio: bool = False
    damage: tuple[Damage, ...] = ()
    timestamps: Literal["container", "synthesised"] = "container"
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields as a JSON object; the rate both as a fraction and as a number."""
        return asdict(self) | {
            "path": str(self.path),
            "rate": float(self.rate),
            "exact_rate": str(self.rate),
            "damage": [asdict(span) for span in self.damage],
        }

    def describe(self) -> str:
        """The fields as text, one a line."""
        if self.status == "failed":
            return f"{self.path}\n  failed: {self.reason}"
        kind = "variable, mean" if self.variable_rate else "constant"
        turned = f", turned by {self.rotation}°" if self.rotation else ""
        lines = [
            f"{self.path}",
            f"  {self.status}: {self.frames} frames in {self.duration:.3f} s",
            f"  rate: {float(self.rate):.3f} frames/s ({self.rate}), {kind}",
            f"  image: {self.width}x{self.height}{turned}",
            f"  sound: {'yes' if self.audio else 'no'}",
            f"  timestamps: {self.timestamps}",
            *(f"  unreadable: frames {d.start} to {d.stop - 1}: {d.reason}" for d in self.damage),
        ]
        return "\n".join(lines)


def inspect(path: str | Path, *, threads: int = 0) -> VideoInfo:
    """Decode a video once and report its properties; an unreadable file has status `failed`."""
    path = Path(path)
    info = _inspect(path, threads)
    # With several threads the refused packet is not known exactly, so damage is located again.
    damaged = info.status != "ok" and info.frames > 0
    return _inspect(path, threads=1) if damaged and threads != 1 else info


def _inspect(path: Path, threads: int) -> VideoInfo:
    with FileFailure(path) as failure, open_video(path, threads=threads) as video:
        video.check()
        bad = sum(min(d.stop, video.frames) - d.start for d in video.damage)
        whole = bad >= video.frames
        return VideoInfo(
            path=path,
            status="failed" if whole else "partial" if video.damage else "ok",
            frames=video.frames,
            duration=video.duration,
            rate=video.rate,
            variable_rate=video.variable_rate,
            width=video.width,
            height=video.height,
            rotation=video.rotation,
            audio=video.has_audio or count_sound(path) > 0,
            damage=video.damage,
            timestamps=video.timestamps,
            reason="none of its frames can be read" if whole else "",
        )
    return VideoInfo(path=path, status="failed", reason=failure.reason)
