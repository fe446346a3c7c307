"""Sound goes along packet for packet and stays in time; what could tell of people does not."""

import hashlib
import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import Flags
from PIL import Image

from playhead.media import Planes, open_video, read_audio
from playhead.media.rewrite import RewriteOptions, rewrite
from tests.media.encode import encode, image, yuv_frame

EXACT = RewriteOptions(crf=0, preset="ultrafast", threads=2)
RATE = 48000


def untouched(k: int, given: Planes) -> None:
    """A change that changes nothing."""


def clicks(seconds: float, pitch: int = 1) -> np.ndarray:
    """Stereo silence with a loud burst at the start of every half second."""
    samples = np.zeros((2, int(seconds * RATE)), np.float32)
    burst = 0.8 * np.sin(np.arange(480) * 0.3 * pitch)
    for start in range(0, samples.shape[1] - 480, RATE // 2):
        samples[:, start : start + 480] = burst
    return samples


def with_sound(
    path: Path,
    codecs: list[str],
    *,
    seconds: float = 4.0,
    late: float = 0.0,
    video: str = "libx264",
    first: float = 0.0,
) -> Path:
    """A numbered video with tracks of clicks; sound begins `late` seconds after 0."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(video, rate=25)
        stream.width, stream.height = 160, 96
        stream.codec_context.time_base = Fraction(1, 25)
        strange = {"strict": "experimental"}
        tracks = [output.add_stream(codec, rate=RATE, options=strange) for codec in codecs]
        for track in tracks:
            track.codec_context.bit_rate = 128_000
            # Some coders write their name into the sound, which is copied.
            track.codec_context.flags |= Flags.bitexact
            track.codec_context.layout = "stereo"
            track.codec_context.time_base = Fraction(1, RATE)
        samples = clicks(seconds)
        at = 0
        for k in range(int(seconds * 25)):
            frame = yuv_frame(image(k))
            frame.pts, frame.time_base = k + round(first * 25), Fraction(1, 25)
            output.mux(stream.encode(frame))
            while at < (k + 1) * RATE // 25:
                for number, track in enumerate(tracks, 1):
                    block = samples[:, at : at + 1024] / number
                    sound = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
                    sound.sample_rate, sound.time_base = RATE, Fraction(1, RATE)
                    sound.pts = at + int(late * RATE)
                    output.mux(track.encode(sound))
                at += 1024
        for any_stream in (stream, *tracks):
            output.mux(any_stream.encode())
    return path


def payloads(path: Path, number: int = 0) -> list[str]:
    with av.open(str(path)) as given:
        return [
            hashlib.sha256(bytes(packet)).hexdigest()
            for packet in given.demux(given.streams.audio[number])
            if packet.size
        ]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_sound_track_is_copied_bit_for_bit(suffix: str, tmp_path: Path) -> None:
    source = with_sound(tmp_path / "a.mp4", ["aac", "ac3"])
    target = tmp_path / f"b{suffix}"
    done = rewrite(source, target, untouched, EXACT)
    for number in (0, 1):
        before = payloads(source, number)
        assert len(before) > 100
        assert payloads(target, number) == before
    assert not any("sound" in note for note in done.notes)
    with av.open(str(target)) as given:
        assert [s.codec_context.name for s in given.streams.audio] == ["aac", "ac3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codecs", "options"),
    [
        ("a.mp4", ["aac"], {}),
        ("a.mp4", ["aac"], {"late": 1.5}),
        ("a.mp4", ["aac"], {"first": 2.0}),
        ("a.mov", ["pcm_s16le"], {"late": 0.7}),
        ("a.mkv", ["flac"], {"late": 0.5}),
        ("a.mkv", ["libopus"], {"first": 1.0}),
        ("a.ts", ["aac"], {"late": 0.25}),
        ("a.ts", ["mp2"], {}),
        ("a.avi", ["pcm_s16le"], {"video": "mpeg4"}),
        ("a.avi", ["libmp3lame"], {"video": "mpeg4"}),
        ("a.webm", ["libopus"], {"video": "libvpx"}),
        ("a.webm", ["vorbis"], {"video": "libvpx"}),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_stays_in_time_with_the_images(
    name: str, codecs: list[str], options: dict[str, float], suffix: str, tmp_path: Path
) -> None:
    source = with_sound(tmp_path / name, codecs, **options)
    target = tmp_path / f"b{suffix}"
    rewrite(source, target, untouched, EXACT)
    with open_video(source) as before, open_video(target) as after:
        np.testing.assert_allclose(after.times, before.times, rtol=0, atol=0.0006)
    before, after = onsets(source), onsets(target)
    assert len(before) > 6
    np.testing.assert_allclose(after, before, rtol=0, atol=0.002)


def onsets(path: Path) -> list[float]:
    """Seconds after the first frame at which bursts begin."""
    audio = read_audio(path)
    loud = np.flatnonzero(np.abs(audio.samples[0]) > 0.3) / audio.rate
    return [audio.start + loud[0], *(audio.start + loud[1:][np.diff(loud) > 0.2])]


@pytest.mark.slow
def test_the_first_frame_lies_exactly_where_it_did_beside_the_sound(tmp_path: Path) -> None:
    plain = with_sound(tmp_path / "plain.mp4", ["aac"])
    source = tmp_path / "a.ts"
    with av.open(str(plain)) as given, av.open(str(source), "w") as output:
        copies = {s.index: output.add_stream_from_template(s) for s in given.streams}
        for packet in (p for p in given.demux() if p.size):
            if packet.stream.type == "video":
                packet.pts, packet.dts = packet.pts + 4097, packet.dts + 4097
            packet.stream = copies[packet.stream.index]
            output.mux(packet)
    rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    before, after = read_audio(source).start, read_audio(tmp_path / "b.mp4").start
    assert before < -0.3
    assert after == pytest.approx(before, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [
        ("a.avi", "pcm_s16le", "mpeg4"),
        ("a.webm", "vorbis", "libvpx"),
        ("a.wmv", "wmav2", "mpeg4"),
    ],
)
def test_sound_that_the_container_cannot_hold_becomes_aac_and_it_is_said(
    name: str, codec: str, video: str, tmp_path: Path
) -> None:
    source = with_sound(tmp_path / name, [codec], video=video)
    done = rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    assert [note for note in done.notes if "AAC" in note and "sound track 1" in note]
    before, after = read_audio(source), read_audio(tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as given:
        assert given.streams.audio[0].codec_context.name == "aac"
    assert after.rate == before.rate
    assert after.samples.shape[1] == pytest.approx(before.samples.shape[1], abs=3000)
    expected = onsets(source)
    assert len(expected) > 6
    np.testing.assert_allclose(onsets(tmp_path / "b.mp4"), expected, rtol=0, atol=0.003)


@pytest.mark.slow
def test_sound_of_an_unknown_kind_is_left_out_and_it_is_said(tmp_path: Path) -> None:
    """Phones write a second track that only their maker decodes."""
    source = with_sound(tmp_path / "a.mp4", ["aac", "aac"])
    data = bytearray(source.read_bytes())
    for name in (b"mp4a", b"esds"):
        at = data.rindex(name)
        data[at : at + 4] = b"qqqq"
    source.write_bytes(data)
    done = rewrite(source, tmp_path / "b.mp4", untouched, EXACT)
    assert any("sound track 2 is left out" in note for note in done.notes)
    assert payloads(tmp_path / "b.mp4") == payloads(source)
    with av.open(str(tmp_path / "b.mp4")) as given:
        assert len(given.streams.audio) == 1


def test_sound_can_be_removed(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "a.mp4", ["aac"], first=2.0)
    options = RewriteOptions(audio="remove", threads=2)
    rewrite(source, tmp_path / "b.mp4", untouched, options)
    with av.open(str(tmp_path / "b.mp4")) as given:
        assert [stream.type for stream in given.streams] == ["video"]
    with open_video(source) as before, open_video(tmp_path / "b.mp4") as after:
        assert np.array_equal(after.times, before.times)
        assert after.table.start == 0


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_lies_beside_its_images_in_the_file(suffix: str, tmp_path: Path) -> None:
    """A player reads forward: nothing may lie a second of packets away from its image."""
    source = with_sound(tmp_path / "a.mp4", ["aac"], seconds=16)
    target = tmp_path / f"b{suffix}"
    rewrite(source, target, untouched, RewriteOptions(threads=2))
    with av.open(str(target)) as given:
        found = sorted(
            (packet.pos, packet.stream.type, float(packet.dts * packet.time_base))
            for packet in given.demux()
            if packet.size and packet.dts is not None
        )
    reached = {"video": -1.0, "audio": -1.0}
    for _, kind, time in found:
        reached[kind] = time
        assert max(reached.values()) - min(reached.values()) < 1.1


@pytest.mark.slow
def test_sound_that_an_edit_list_hides_is_not_taken_over(tmp_path: Path) -> None:
    """What was cut off must not come back, not even hidden in the file."""
    whole = with_sound(tmp_path / "whole.mp4", ["aac"], seconds=6)
    cut = tmp_path / "cut.mp4"
    with av.open(str(whole)) as given, av.open(str(cut), "w") as output:
        copies = {s.index: output.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is None:
                continue
            shift = round(3 / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = copies[packet.stream.index]
            output.mux(packet)
    with av.open(str(cut), options={"ignore_editlist": "1"}) as given:
        held = sum(packet.size > 0 for packet in given.demux(given.streams.audio[0]))
    assert held > 280, "the source still holds all of its sound"
    rewrite(cut, tmp_path / "b.mp4", untouched, EXACT)
    assert 130 < len(payloads(tmp_path / "b.mp4")) < 155
    np.testing.assert_allclose(onsets(tmp_path / "b.mp4"), onsets(cut), rtol=0, atol=0.002)


@pytest.mark.slow
def test_damaged_sound_does_not_end_the_rewriting(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "a.avi", ["wmav2"], video="mpeg4")
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as given:
        spots = [(p.pos, p.size) for p in given.demux(given.streams.audio[0]) if p.size]
    for position, size in spots[20:24]:
        data[position + 8 : position + size] = bytes(size - 8)
    source.write_bytes(data)
    done = rewrite(source, tmp_path / "out.mp4", untouched, EXACT)
    assert done.frames == 100
    assert read_audio(tmp_path / "out.mp4").samples.shape[1] > 3.5 * RATE


SECRETS = {
    "title": "Secret-Title-7Q",
    "comment": "Secret-Comment-7Q",
    "artist": "Secret-Artist-7Q",
    "location": "+48.8577+002.2950/",
    "creation_time": "2021-03-04T05:06:07.000000Z",
}


def secretive(path: Path) -> Path:
    """A file with everything in it that must not be passed on."""
    mkv = path.suffix == ".mkv"
    plain = with_sound(path.with_name(f"plain{path.suffix}"), ["aac"])
    with av.open(str(plain)) as given, av.open(str(path), "w") as output:
        copies = {s.index: output.add_stream_from_template(s) for s in given.streams}
        for stream in copies.values():
            stream.metadata.update({"language": "fra", "title": "Secret-Track-7Q"})
            stream.metadata["handler_name"] = "Secret-Handler-7Q"
        if mkv:
            output.add_attachment("Secret-Name-7Q.ttf", "font/ttf", b"Secret-Attachment-7Q")
            others = {output.add_mux_stream("subrip"): b"Secret-Subtitle-7Q"}
        else:
            others = {
                output.add_mux_stream("mov_text"): b"\0\x12Secret-Subtitle-7Q",
                output.add_data_stream("bin_data"): b"Secret-Place-7Q",
                cover(output): jpeg(),
            }
        output.metadata.update(SECRETS)
        chapter = {"id": 1, "start": 0, "end": 2000, "time_base": Fraction(1, 1000)}
        output.set_chapters([chapter | {"metadata": {"title": "Secret-Chapter-7Q"}}])
        for stream in others:
            stream.time_base = Fraction(1, 1000)
        for number, packet in enumerate(p for p in given.demux() if p.size):
            packet.stream = copies[packet.stream.index]
            output.mux(packet)
            for stream, payload in others.items() if number == 9 else ():
                extra = av.Packet(payload)
                extra.pts = extra.dts = 100
                extra.duration, extra.time_base, extra.stream = 900, Fraction(1, 1000), stream
                output.mux(extra)
    return path


def cover(output: av.container.OutputContainer) -> av.VideoStream:
    stream = output.add_mux_stream("mjpeg", width=16, height=16)
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def jpeg() -> bytes:
    buffer = io.BytesIO()
    image = Image.new("RGB", (16, 16), (200, 30, 30))
    image.save(buffer, "JPEG", comment=b"Secret-Cover-7Q")
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("kind", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_nothing_that_tells_of_people_is_in_the_bytes(
    suffix: str, kind: str, codec: str, tmp_path: Path
) -> None:
    source = secretive(tmp_path / f"a{kind}")
    given = source.read_bytes()
    assert given.count(b"-7Q") > 6
    target = tmp_path / f"b{suffix}"
    rewrite(source, target, untouched, RewriteOptions(codec=codec, threads=2))
    data = target.read_bytes()
    for secret in (b"Secret", b"7Q", b"48.8577", b"2021-03", b"fra", b"deu"):
        assert secret not in data, secret
    for tool in (b"x264", b"x265", b"Lavf6", b"Lavc", b"crf="):
        assert tool not in data, tool
    with av.open(str(target)) as result:
        assert [stream.type for stream in result.streams] == ["video", "audio"]
        assert result.chapters() == []
        kept = set(result.metadata) - {"major_brand", "minor_version", "compatible_brands"}
        assert kept <= {"encoder"}
        assert result.metadata.get("encoder", "Lavf") == "Lavf"
        assert not any(stream.language in {"fra", "deu"} for stream in result.streams)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_metadata_and_chapters_are_kept_where_asked(suffix: str, tmp_path: Path) -> None:
    source = secretive(tmp_path / f"a{suffix}")
    options = RewriteOptions(keep_metadata=True, threads=2)
    rewrite(source, tmp_path / f"b{suffix}", untouched, options)
    with av.open(str(tmp_path / f"b{suffix}")) as result:
        found = {name.lower(): text for name, text in result.metadata.items()}
        assert found["title"] == SECRETS["title"]
        assert found["comment"] == SECRETS["comment"]
        assert [c["metadata"]["title"] for c in result.chapters()] == ["Secret-Chapter-7Q"]
        shown = [stream for stream in result.streams if stream.type != "data"]
        assert [(s.type, s.language) for s in shown] == [("video", "fra"), ("audio", "fra")]
    data = (tmp_path / f"b{suffix}").read_bytes()
    for secret in (b"Subtitle", b"Place", b"Cover", b"Attachment"):
        assert secret + b"-7Q" not in data


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_subtitles_are_kept_where_asked_and_possible(suffix: str, tmp_path: Path) -> None:
    source = secretive(tmp_path / f"a{suffix}")
    options = RewriteOptions(keep_subtitles=True, threads=2)
    done = rewrite(source, tmp_path / f"b{suffix}", untouched, options)
    assert b"Secret-Subtitle-7Q" in (tmp_path / f"b{suffix}").read_bytes()
    with av.open(str(tmp_path / f"b{suffix}")) as result:
        (packet,) = (p for p in result.demux(result.streams.subtitles[0]) if p.size > 2)
        assert float(packet.pts * packet.time_base) == pytest.approx(0.1, abs=0.002)
    assert done.notes == ()
    other = {".mp4": ".mkv", ".mkv": ".mp4"}[suffix]
    done = rewrite(source, tmp_path / f"c{other}", untouched, options)
    assert any("subtitle track 1" in note for note in done.notes)


def test_words_inside_the_images_are_not_passed_on(tmp_path: Path) -> None:
    """Captions and notes in the stream of images itself: units of type 6."""
    source = encode(tmp_path / "a.h264", 20, gop=5)
    captions = b"\xb5\x00\x31GA94\x03\x41\xff\xfc\x80\x80\xff"
    note = bytes(range(16)) + b"Secret-Note-7Q"
    unit = b"\0\0\1\x06"
    words = unit + b"\x04" + bytes([len(captions)]) + captions + b"\x80"
    words += unit + b"\x05" + bytes([len(note)]) + note + b"\x80"
    with av.open(str(source)) as given:
        packets = [bytes(p) for p in given.demux(given.streams.video[0]) if p.size]
    starts = [p.rfind(b"\0\0\1") for p in packets]
    spoken = b"".join(p[:at] + words + p[at:] for p, at in zip(packets, starts, strict=True))
    (tmp_path / "b.h264").write_bytes(spoken)
    with av.open(str(tmp_path / "b.h264")) as given:
        kinds = {data.type.name for data in next(given.decode(video=0)).side_data}
    assert {"A53_CC", "SEI_UNREGISTERED"} <= kinds, "the source must carry both"
    rewrite(tmp_path / "b.h264", tmp_path / "c.mp4", untouched, RewriteOptions(threads=1))
    assert b"GA94" not in (tmp_path / "c.mp4").read_bytes()
    assert b"7Q" not in (tmp_path / "c.mp4").read_bytes()
    options = RewriteOptions(threads=1, keep_subtitles=True)
    rewrite(tmp_path / "b.h264", tmp_path / "d.mp4", untouched, options)
    assert b"GA94" in (tmp_path / "d.mp4").read_bytes()
