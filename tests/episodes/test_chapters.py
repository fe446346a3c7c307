"""Chapters as text and in copies, whose streams are those of the original."""

import hashlib
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from playhead.episodes.outputs.chapters import (
    Chapter,
    chapters_of,
    merge_chapters,
    remux,
    write_chapter_text,
)
from playhead.episodes.segments import Segment
from playhead.errors import MediaError
from playhead.media import open_video
from tests.episodes.episode_files import write_episode

Packets = dict[tuple[str, int], list[tuple[float | str | None, ...]]]


def segment(kind: str, start: float, end: float) -> Segment:
    return Segment(kind=kind, start=start, end=end, confidence=0.9)


def titles(chapters: list[Chapter]) -> list[tuple[float, str]]:
    return [(chapter.start, chapter.title) for chapter in chapters]


def packets(path: Path) -> Packets:
    """Times and hashes of the packets of each stream, by type and number within the type."""
    found: Packets = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            stream = packet.stream
            if packet.size and stream.type in {"video", "audio", "subtitle"}:
                same = [s for s in container.streams if s.type == stream.type]
                base = stream.time_base
                assert base is not None
                times = (packet.pts, packet.dts)  # None of a cover
                seconds = [None if time is None else float(time * base) for time in times]
                row = (*seconds, hashlib.sha256(bytes(packet)).hexdigest())
                found.setdefault((stream.type, same.index(stream)), []).append(row)
    return found


def stored(path: Path) -> list[tuple[float, str]]:
    with av.open(str(path)) as container:
        return [
            (round(float(c["start"] * (c["time_base"] or 1)), 3), c["metadata"]["title"])
            for c in container.chapters()
        ]


def test_chapters_start_at_segments_and_at_the_story_between_them() -> None:
    found = [segment("ending", 1300.0, 1390.0), segment("opening", 60.0, 150.0)]
    assert titles(chapters_of(found, 1440.0)) == [
        (0.0, "Part 1"),
        (60.0, "Opening"),
        (150.0, "Part 2"),
        (1300.0, "Ending"),
        (1390.0, "Part 3"),
    ]


def test_segments_that_touch_have_no_story_between_them() -> None:
    found = [segment("recap", 0.2, 30.0), segment("opening", 30.4, 120.0)]
    assert titles(chapters_of(found, 120.5)) == [(0.0, "Recap"), (30.4, "Opening")]


def test_an_episode_without_segments_is_one_chapter() -> None:
    assert titles(chapters_of([], 100.0)) == [(0.0, "Part 1")]


def test_the_text_is_ogm(tmp_path: Path) -> None:
    write_chapter_text([Chapter(0.0, "Part 1"), Chapter(3723.0456, "Ending")], tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == (
        "CHAPTER01=00:00:00.000\nCHAPTER01NAME=Part 1\n"
        "CHAPTER02=01:02:03.046\nCHAPTER02NAME=Ending\n"
    )


def test_chapters_of_the_file_are_kept_and_titles_that_say_something_stay() -> None:
    present = [
        *(Chapter(0.0, "Kaltstart"), Chapter(60.4, "Chapter 2"), Chapter(149.7, "Der Turm")),
        *(Chapter(700.0, "Im Wald"), Chapter(1300.2, "Lied von Ana")),
    ]
    new = chapters_of([segment("opening", 60.0, 150.0), segment("ending", 1300.0, 1390.0)], 1440.0)
    assert titles(merge_chapters(present, new)) == [
        (0.0, "Kaltstart"),
        (60.0, "Opening"),
        (149.7, "Der Turm"),
        (700.0, "Im Wald"),
        (1300.0, "Ending: Lied von Ana"),
        (1390.0, "Part 3"),
    ]


def test_a_chapter_of_the_file_goes_to_the_nearest_new_one() -> None:
    new = [Chapter(0.0, "Part 1"), Chapter(60.0, "Opening"), Chapter(61.5, "Part 2")]
    assert titles(merge_chapters([Chapter(60.9, "Der Turm")], new)) == [
        (0.0, "Part 1"),
        (60.0, "Opening"),
        (60.9, "Der Turm"),
    ]


def test_chapters_of_an_earlier_run_give_way() -> None:
    earlier = chapters_of([segment("opening", 55.0, 150.0)], 1440.0)
    new = chapters_of([segment("opening", 60.0, 155.0)], 1440.0)
    assert merge_chapters(earlier, new) == new


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_every_packet_of_a_copy_is_that_of_the_original(tmp_path: Path, suffix: str) -> None:
    source = write_episode(tmp_path / f"S01E01{suffix}", chapters={0.0: "Chapter 1", 3.4: "Mitte"})
    copy = tmp_path / f"copy{suffix}"
    remux(source, copy, [segment("opening", 1.0, 2.0)])
    original = packets(source)
    assert {("video", 0), ("audio", 0), ("audio", 1), ("subtitle", 0)} <= set(original)
    assert packets(copy) == original
    chapters = [(0.0, "Part 1"), (1.0, "Opening"), (2.0, "Part 2"), (3.4, "Mitte")]
    assert stored(copy) == chapters


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_copy_keeps_languages_titles_fonts_and_the_cover(tmp_path: Path, suffix: str) -> None:
    source, copy = write_episode(tmp_path / f"S01E01{suffix}"), tmp_path / f"copy{suffix}"
    assert remux(source, copy, []) == []
    with av.open(str(copy)) as container:
        assert container.metadata["title"] == "Folge Ä"
        sound = container.streams.audio
        assert [stream.language for stream in sound] == ["jpn", "eng"]
        named = [s.metadata.get("title") or s.metadata.get("name") for s in sound]
        assert named == ["Ton jpn", "Ton eng"]
        assert container.streams.subtitles[0].language == "deu"
        if suffix == ".mkv":
            files = [s.metadata.get("filename") for s in container.streams]
            assert files.count("font.ttf") == files.count("cover.jpg") == 1


def test_copying_a_copy_changes_nothing(tmp_path: Path) -> None:
    source = write_episode(tmp_path / "a.mkv", chapters={1.3: "Lied", 3.5: "Mitte"})
    spans = [segment("opening", 1.1, 2.2)]
    remux(source, tmp_path / "b.mkv", spans)
    remux(tmp_path / "b.mkv", tmp_path / "c.mkv", spans)
    assert (1.1, "Opening: Lied") in stored(tmp_path / "b.mkv")
    assert stored(tmp_path / "b.mkv") == stored(tmp_path / "c.mkv")
    assert packets(tmp_path / "b.mkv") == packets(tmp_path / "c.mkv")


def test_a_copy_has_the_frames_and_times_of_the_original(tmp_path: Path) -> None:
    source, copy = write_episode(tmp_path / "a.mkv"), tmp_path / "b.mkv"
    remux(source, copy, [segment("ending", 3.0, 3.9)])
    with open_video(source) as one, open_video(copy) as other:
        assert one.times.tolist() == other.times.tolist()


def test_a_file_without_chapters_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_bytes(b"")
    with pytest.raises(MediaError, match="no chapters"):
        remux(tmp_path / "a.avi", tmp_path / "b.avi", [])
    assert [path.name for path in tmp_path.iterdir()] == ["a.avi"]


def test_a_file_that_is_no_video_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(b"nothing" * 100)
    with pytest.raises(MediaError):
        remux(tmp_path / "a.mkv", tmp_path / "b.mkv", [])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_the_cover_of_an_mp4_is_kept(tmp_path: Path) -> None:
    plain = write_episode(tmp_path / "plain.mp4")
    with (
        av.open(str(write_episode(tmp_path / "a.mkv"))) as other,
        av.open(str(plain)) as source,
        av.open(str(tmp_path / "E1.mp4"), "w") as out,
    ):
        video = out.add_stream_from_template(source.streams.video[0])
        cover = out.add_stream_from_template(other.streams.video[1])
        cover.disposition = Disposition.attached_pic
        image = next(packet for packet in other.demux(other.streams.video[1]) if packet.size)
        image.stream, image.pts, image.dts = cover, 0, 0
        out.mux(image)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = video
                out.mux(packet)
    remux(tmp_path / "E1.mp4", tmp_path / "copy.mp4", [segment("opening", 1.0, 2.0)])
    assert packets(tmp_path / "copy.mp4") == packets(tmp_path / "E1.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        covers = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        assert len(covers) == 1
