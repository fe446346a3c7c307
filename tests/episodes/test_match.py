"""A season in, segments out; every odd season has a defined answer."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from playhead.episodes.match import Pair, SeasonMatch, match_season
from playhead.episodes.matching.pairs import match_pairs
from playhead.episodes.matching.speeds import find_speed, slowed
from playhead.episodes.segments import Segment
from playhead.episodes.sound.fingerprint import RATE
from playhead.episodes.sound.reading import Sound
from playhead.errors import LabelError
from tests.episodes.made_sounds import Part, Samples, as_sound, episode, song, story

OPENING, SECOND, ENDING, JINGLE = song(1, 15), song(4, 15), song(2, 14), song(3, 3)
STARTS = (2.0, 11.3, 0.0, 7.77)


def plain(number: int, *, opening: Samples = OPENING, ending: Samples = ENDING) -> Sound:
    at = STARTS[number]
    return episode(number, 80, [Part(opening, at), Part(JINGLE, 40 + number), Part(ending, 64)])


@pytest.fixture(scope="module")
def season() -> list[Sound]:
    return [plain(number) for number in range(4)]


@pytest.fixture(scope="module")
def matched(season: list[Sound]) -> SeasonMatch:
    return match_season(season, names=["1.mkv", "2.mkv", "3.mkv", "4.mkv"])


def spans(segments: tuple[Segment, ...]) -> list[tuple[object, object, object]]:
    return [(segment.kind, segment.start, segment.end) for segment in segments]


def near(kind: str, start: float, end: float) -> tuple[str, object, object]:
    return kind, pytest.approx(start, abs=0.1), pytest.approx(end, abs=0.1)


def test_every_song_and_jingle_is_found_to_a_tenth_of_a_second(matched: SeasonMatch) -> None:
    for number, result in enumerate(matched.episodes):
        at = STARTS[number]
        assert spans(result.segments) == [
            near("opening", at, at + 15),
            near("eyecatch", 40 + number, 43 + number),
            near("ending", 64, 78),
        ]
        assert result.notes == ()
        assert result.duration == pytest.approx(80, abs=0.01)


def test_a_phrase_that_a_short_song_repeats_does_not_move_it() -> None:
    phrase, length = song(9, 4.4), round(8.6 * RATE)
    whole = np.tile(phrase, 2)[:length] + song(10, 8.6)[:length] / 3
    starts = (4.4, 6.5, 13.6)
    made = [episode(number, 60, [Part(whole, at)]) for number, at in enumerate(starts)]
    for result, at in zip(match_season(made).episodes, starts, strict=True):
        assert spans(result.segments) == [near("opening", at, at + 8.6)]


def test_a_segment_names_its_evidence(matched: SeasonMatch) -> None:
    (evidence,) = matched.episodes[0].segments[0].evidence
    assert evidence.kind == "sound"
    assert evidence.detail.startswith("same sound in 2.mkv, 3.mkv, 4.mkv, peak ")


def test_times_count_from_the_first_frame(season: list[Sound]) -> None:
    late = Sound(words=season[0].words, samples=season[0].samples, start=0.5, missing=())
    segments = match_season([late, *season[1:]]).episodes[0].segments
    assert spans(segments)[0] == near("opening", 2.5, 17.5)


def test_a_new_episode_uses_the_pairs_of_an_earlier_match(
    season: list[Sound], matched: SeasonMatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["1.mkv", "2.mkv", "3.mkv"]
    before = match_season(season[:3], names=names)
    stored = [Pair.from_dict(json.loads(json.dumps(pair.as_dict()))) for pair in before.pairs]
    asked: list[tuple[int, int]] = []

    def counting(sounds: list[Sound], pairs: NDArray[np.int64]) -> object:
        asked.extend((first, second) for first, second in pairs.tolist())
        return match_pairs(sounds, pairs)

    monkeypatch.setattr("playhead.episodes.match.match_pairs", counting)
    after = match_season(season, names=[*names, "4.mkv"], earlier=stored)
    assert asked == [(0, 3), (1, 3), (2, 3)]
    for one, other in zip(after.episodes, matched.episodes, strict=True):
        assert spans(one.segments) == [
            (kind, pytest.approx(start, abs=0.02), pytest.approx(end, abs=0.02))
            for kind, start, end in spans(other.segments)
        ]


def test_two_episodes_give_an_answer_of_less_confidence(
    season: list[Sound], matched: SeasonMatch
) -> None:
    segments = match_season(season[:2]).episodes[0].segments
    assert [segment.kind for segment in segments if segment.kind != "eyecatch"] == [
        "opening",
        "ending",
    ]
    assert segments[0].confidence < matched.episodes[0].segments[0].confidence


def test_two_openings_are_two_clusters_and_an_ending_song_can_open() -> None:
    sounds = [
        plain(0),
        plain(1),
        plain(2, opening=SECOND),
        plain(3, opening=SECOND, ending=OPENING),
    ]
    episodes = match_season(sounds).episodes
    openings = [result.segments[0] for result in episodes]
    assert [segment.kind for segment in openings] == ["opening"] * 4
    first, _, third, _ = (segment.cluster for segment in openings)
    assert [segment.cluster for segment in openings] == [first, first, third, third]
    assert first != third
    assert spans(episodes[3].segments)[-1] == near("ending", 64, 79)
    assert episodes[3].segments[-1].cluster == first


def test_an_episode_without_opening_has_none(season: list[Sound]) -> None:
    sounds = [*season[:3], episode(9, 80, [Part(ENDING, 60)])]
    assert spans(match_season(sounds).episodes[3].segments) == [near("ending", 60, 74)]


def test_pieces_of_the_previous_episode_are_a_recap(season: list[Sound]) -> None:
    earlier = season[0].samples.astype(np.float32) / np.float32(20000)
    cuts = [earlier[round(at * RATE) : round((at + 4) * RATE)] for at in (22.0, 31.0, 51.0)]
    recap = np.concatenate(cuts).astype(np.float32)
    sounds = [season[0], episode(8, 80, [Part(recap, 0), Part(OPENING, 12), Part(ENDING, 60)])]
    sounds.append(season[2])
    segments = match_season(sounds, threshold=0.0).episodes[1].segments
    assert spans(segments) == [
        near("recap", 0, 12),
        near("opening", 12, 27),
        near("ending", 60, 74),
    ]


def test_an_episode_at_pal_speed_is_found_at_its_own_times(season: list[Sound]) -> None:
    fast = slowed(season[1], 24 / 25)
    match = match_season([season[0], fast, season[2]])
    assert match.speeds[::2] == (1.0, 1.0)
    assert match.speeds[1] == pytest.approx(25 / 24, abs=2e-5)
    found = spans(match.episodes[1].segments)
    assert found[0] == near("opening", 11.3 * 24 / 25, 26.3 * 24 / 25)
    assert match.episodes[1].notes == ("plays 4.17 % faster than its season",)
    again = match_season([season[0], fast, season[2]], earlier=match.pairs)
    assert again.speeds == match.speeds
    assert spans(again.episodes[1].segments)[0] == near("opening", 10.848, 25.248)


def test_any_speed_up_to_4_percent_off_is_found_exactly(season: list[Sound]) -> None:
    for speed in (0.968, 1.0234):
        assert find_speed(slowed(season[0], 1 / speed), season[1:2]) == pytest.approx(
            speed, abs=5e-5
        )


def test_the_same_recording_twice_is_said_and_counts_once(season: list[Sound]) -> None:
    episodes = match_season([*season[:3], season[0]], names=["a", "b", "c", "d"]).episodes
    assert episodes[3].notes == ("the same recording as a",)
    assert spans(episodes[3].segments) == spans(episodes[0].segments)
    assert episodes[0].segments[0].evidence[0].detail.startswith("same sound in b, c, peak")


def test_an_episode_of_another_series_is_left_out_and_said(season: list[Sound]) -> None:
    stranger = episode(77, 60, [Part(song(70, 15), 5)])
    result = match_season([*season[:3], stranger]).episodes[3]
    assert result.segments == ()
    assert result.notes == ("of another series: no sound in common with the other episodes",)


@pytest.mark.parametrize(
    ("sound", "note"),
    [
        (as_sound(np.zeros(0, np.float32)), "no sound"),
        (as_sound(np.zeros(40 * RATE, np.float32)), "the sound is silent"),
        (as_sound(story(5, 2)), "of another series: no sound in common with the other episodes"),
    ],
)
def test_an_episode_that_cannot_be_matched_says_why(
    season: list[Sound], sound: Sound, note: str
) -> None:
    episodes = match_season([season[0], sound, season[1]]).episodes
    assert episodes[1].segments == ()
    assert episodes[1].notes == (note,)
    assert episodes[0].segments[0].kind == "opening"


def test_one_episode_alone_and_none_have_an_answer(season: list[Sound]) -> None:
    (alone,) = match_season(season[:1]).episodes
    assert alone.segments == ()
    assert alone.notes == ("one episode alone: there is nothing to compare it with",)
    assert match_season([]).episodes == ()


def test_a_file_that_is_all_opening_is_all_opening(season: list[Sound]) -> None:
    result = match_season([season[0], as_sound(OPENING), season[1]]).episodes[1]
    assert spans(result.segments) == [near("opening", 0, 15)]


def test_a_threshold_moves_segments_to_the_rejected(season: list[Sound]) -> None:
    result = match_season(season, threshold=1.0).episodes[0]
    assert result.segments == ()
    assert [segment.kind for segment in result.rejected] == ["opening", "eyecatch", "ending"]


def test_names_that_are_not_unique_and_broken_pairs_are_refused(season: list[Sound]) -> None:
    with pytest.raises(LabelError, match="2 sounds have 1 different names"):
        match_season(season[:2], names=["a", "a"])
    with pytest.raises(LabelError, match="not a pair"):
        Pair.from_dict({"a": "1", "b": "2", "speed": 1.0, "runs": [[1.0]]})


def test_two_jingles_at_one_distance_in_every_episode_are_two() -> None:
    jingle, silence = song(31, 4), np.zeros(round(0.4 * RATE), np.float32)
    both = np.concatenate([jingle, silence, jingle])
    starts = (40.0, 47.0, 43.5, 51.0)
    sounds = [episode(80 + k, 120, [Part(both, start)]) for k, start in enumerate(starts)]
    matched = match_season(sounds)
    for result, start in zip(matched.episodes, starts, strict=True):
        found = [(s.start, s.end) for s in result.segments if s.kind == "eyecatch"]
        assert found == [
            (pytest.approx(start, abs=0.1), pytest.approx(start + 4, abs=0.1)),
            (pytest.approx(start + 4.4, abs=0.1), pytest.approx(start + 8.4, abs=0.1)),
        ]
