"""Small video files of episodes, with all that a container can hold."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

__all__ = ["write_episode"]

RATE = Fraction(24000, 1001)
FRAMES = 96


def write_episode(
    path: Path,
    *,
    chapters: dict[float, str] | None = None,
    frames: int = FRAMES,
    sound: bool = True,
) -> Path:
    """Four seconds with two sound tracks and subtitles; a font and a cover only in Matroska."""
    path.parent.mkdir(parents=True, exist_ok=True)
    matroska = path.suffix == ".mkv"
    with av.open(str(path), "w") as out:
        out.metadata["title"] = "Folge Ä"
        video = out.add_stream("libx264", rate=RATE, options={"bf": "2", "g": "24"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = []
        for rate, layout, language in (
            ((44100, "stereo", "jpn"), (22050, "mono", "eng")) if sound else ()
        ):
            track = out.add_stream("aac", rate=rate)
            track.codec_context.layout = layout
            track.metadata.update({"language": language, "title": f"Ton {language}"})
            tracks.append((track, rate, layout))
        text = out.add_mux_stream("subrip" if matroska else "mov_text")
        text.metadata["language"] = "deu"
        if matroska:
            image = io.BytesIO()
            Image.new("RGB", (32, 32), (200, 20, 20)).save(image, "JPEG")
            out.add_attachment("font.ttf", "application/x-truetype-font", b"\0\1\0\0" + b"x" * 500)
            out.add_attachment("cover.jpg", "image/jpeg", image.getvalue())
        starts = [*(chapters or {})]
        out.set_chapters(
            [
                {
                    "id": number,
                    "start": round(start * 1000),
                    "end": round(end * 1000),
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": (chapters or {})[start]},
                }
                for number, (start, end) in enumerate(
                    zip(starts, [*starts, frames / 24][1:], strict=True), 1
                )
            ]
        )
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), k % 120 * 2, np.uint8))
            frame.pts, frame.time_base = k, 1 / RATE
            out.mux(video.encode(frame))
            for track, rate, layout in tracks:
                count, channels = rate // 24, 2 if layout == "stereo" else 1
                noise = np.random.default_rng(k).normal(0, 0.1, (channels, count))
                block = av.AudioFrame.from_ndarray(noise.astype(np.float32), "fltp", layout)
                block.sample_rate, block.pts, block.time_base = rate, k * count, Fraction(1, rate)
                out.mux(track.encode(block))
            if k % 24 == 0:
                words = f"Zeile {k}".encode()
                packet = av.Packet(words if matroska else len(words).to_bytes(2) + words)
                packet.stream, packet.time_base = text, Fraction(1, 1000)
                packet.pts = packet.dts = k * 41
                packet.duration = 500
                out.mux(packet)
        out.mux(video.encode(None))
        for track, _, _ in tracks:
            out.mux(track.encode(None))
    return path
