"""Images fill in what sound does not tell; files are not read, their looks are made up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.episodes.images import evidence as module
from playhead.episodes.images.evidence import add_image_segments
from playhead.episodes.images.looks import LOOKS_RATE, Looks
from playhead.episodes.segments import EpisodeResult, Evidence, Segment
from playhead.errors import MediaError

SECONDS = 300
SOUND = Evidence(kind="sound", score=0.9, detail="same sound")


def shots(seed: int, seconds: int) -> NDArray[np.uint64]:
    random = np.random.default_rng(seed)
    return np.repeat(random.integers(1, 2**64, seconds, dtype=np.uint64), LOOKS_RATE)


def episode(number: int, *, opening: int | None, credits_at: int | None = None) -> Looks:
    """An opening of 30 seconds, and rolling credits of 20, in an episode of its own images."""
    hashes = shots(100 + number, SECONDS)
    columns = np.tile(np.array([90, 40, 0.2, 0.2, 0, 0.3], np.float32), (len(hashes), 1))
    if opening is not None:
        hashes[opening * LOOKS_RATE :][: 30 * LOOKS_RATE] = shots(1, 30)
    if credits_at is not None:
        columns[credits_at * LOOKS_RATE :][: 20 * LOOKS_RATE] = [24, 40, 0.9, 0.04, 0.1, 0.9]
    return Looks(hashes, *columns.T)


def heard(number: int, *spans: tuple[str, float, float]) -> EpisodeResult:
    segments = tuple(
        Segment(kind=kind, start=start, end=end, confidence=0.95, cluster=k, evidence=(SOUND,))
        for k, (kind, start, end) in enumerate(spans)
    )
    return EpisodeResult(video=f"E{number}.mkv", duration=SECONDS, segments=segments)


class Reader:
    """Gives the looks of `E0.mkv` and so on, and knows which were read."""

    def __init__(self, looks: Sequence[Looks | None]) -> None:
        self.looks = looks
        self.read: list[str] = []

    def __call__(self, path: Path, *, folder: Path | None = None) -> Looks:
        self.read.append(path.name)
        looks = self.looks[int(path.stem[1:])]
        if looks is None:
            raise MediaError(f"{path}: cannot be read")
        return looks


def run(
    monkeypatch: pytest.MonkeyPatch,
    looks: Sequence[Looks | None],
    results: Sequence[EpisodeResult],
    **options: object,
) -> tuple[list[EpisodeResult], list[str]]:
    reader = Reader(looks)
    monkeypatch.setattr(module, "read_looks", reader)
    paths = [Path(result.video) for result in results]
    return list(add_image_segments(paths, results, **options)), reader.read  # type: ignore[arg-type]


ENDING = ("ending", 260.0, 290.0)


def test_a_dubbed_opening_has_the_boundaries_of_its_partners(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = [episode(n, opening=10 * n) for n in range(3)]
    results = [
        heard(0, ("opening", 0.2, 29.9), ENDING),
        heard(1, ENDING),
        heard(2, ("opening", 20.2, 49.9), ENDING),
    ]
    found, _ = run(monkeypatch, looks, results)
    [opening, _] = found[1].segments
    assert (opening.kind, opening.cluster) == ("opening", 0)
    assert [opening.start, opening.end] == pytest.approx([10.2, 39.9])
    assert [evidence.kind for evidence in opening.evidence] == ["image"]
    assert "E0.mkv, E2.mkv" in opening.evidence[0].detail
    assert 0.5 < opening.confidence < 0.85
    assert (found[0], found[2]) == (results[0], results[2])


def test_a_season_without_sound_is_matched_by_its_images(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [episode(n, opening=10 * n) for n in range(3)]
    found, _ = run(monkeypatch, looks, [heard(n) for n in range(3)])
    for number, result in enumerate(found):
        [opening] = result.segments
        assert opening.kind == "opening"
        assert opening.start == pytest.approx(10 * number, abs=0.5)
        assert opening.end == pytest.approx(10 * number + 30, abs=0.5)
    assert {segment.cluster for result in found for segment in result.segments} == {0}


def test_no_images_are_read_where_sound_tells_all(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [heard(n, ("opening", 0.0, 30.0), ENDING) for n in range(3)]
    looks = [episode(n, opening=0) for n in range(3)]
    assert run(monkeypatch, looks, results) == (results, [])
    found, read = run(monkeypatch, looks, results, images="always")
    assert len(read) == 3
    opening = found[0].segments[0]
    assert [evidence.kind for evidence in opening.evidence] == ["sound", "image"]
    assert (opening.start, opening.end, opening.confidence) == (0.0, 30.0, 0.95)


def test_never_reads_no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [heard(n) for n in range(3)]
    looks = [episode(n, opening=0) for n in range(3)]
    assert run(monkeypatch, looks, results, images="never") == (results, [])


def test_only_a_few_near_episodes_are_read_for_one_that_lacks_a_segment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = [episode(n, opening=0) for n in range(10)]
    results = [heard(n, ("opening", 0.0, 30.0), ENDING) for n in range(10)]
    results[6] = heard(6, ENDING)
    found, read = run(monkeypatch, looks, results)
    assert sorted(read) == ["E4.mkv", "E5.mkv", "E6.mkv", "E7.mkv"]
    assert found[6].segments[0].kind == "opening"


def test_where_no_episode_has_a_kind_three_are_tried_before_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results = [heard(n, ENDING) for n in range(8)]
    nothing = [episode(n, opening=None) for n in range(8)]
    assert run(monkeypatch, nothing, results) == (results, ["E0.mkv", "E1.mkv", "E2.mkv"])
    found, read = run(monkeypatch, [episode(n, opening=5) for n in range(8)], results)
    assert len(read) == 8
    assert all(result.segments[0].kind == "opening" for result in found)


def test_rolling_text_is_credits_only_where_there_is_no_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = [episode(n, opening=0, credits_at=260) for n in range(3)]
    results = [heard(n, ("opening", 0.0, 30.0), *[ENDING][: n != 1]) for n in range(3)]
    found, _ = run(monkeypatch, looks, results)
    assert [[s.kind for s in result.segments] for result in found] == [
        *(["opening", "ending"], ["opening", "credits"], ["opening", "ending"])
    ]
    assert found[1].segments[1].evidence[0].kind == "credits"


def test_below_the_threshold_images_are_shown_as_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [episode(n, opening=0) for n in range(2)]
    found, _ = run(monkeypatch, looks, [heard(0), heard(1)], threshold=0.9)
    assert all(not result.segments for result in found)
    assert [segment.kind for segment in found[0].rejected] == ["opening"]


def test_images_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [episode(0, opening=0), None, episode(2, opening=0)]
    found, _ = run(monkeypatch, looks, [heard(n) for n in range(3)])
    assert found[1].notes == ("its images cannot be read",)
    assert [len(result.segments) for result in found] == [1, 0, 1]


def test_the_same_images_twice_are_no_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [episode(0, opening=0)] * 2
    found, _ = run(monkeypatch, looks, [heard(0), heard(1)])
    assert found[1].notes == ("the same images as E0.mkv",)
    assert not any(result.segments for result in found)


def test_a_part_of_another_opening_is_no_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    other = episode(2, opening=None)
    other.hashes[: 8 * LOOKS_RATE] = shots(1, 30)[: 8 * LOOKS_RATE]
    looks = [episode(0, opening=0), episode(1, opening=0), other]
    results = [*(heard(n, ("opening", 0.0, 30.0), ENDING) for n in range(2)), heard(2, ENDING)]
    assert run(monkeypatch, looks, results)[0] == results


def test_a_short_common_part_does_not_shorten_what_longer_runs_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = [episode(n, opening=0) for n in range(2)]
    for number in (2, 3, 4):
        part = episode(number, opening=None)
        part.hashes[: 12 * LOOKS_RATE] = shots(1, 30)[: 12 * LOOKS_RATE]
        looks.append(part)
    found, _ = run(monkeypatch, looks, [heard(n) for n in range(5)])
    assert [round(result.segments[0].end) for result in found[:2]] == [30, 30]
