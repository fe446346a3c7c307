from collections import Counter
from itertools import pairwise

import pytest

from playhead.worlds.season import CLASSES, PAL, Season, SeasonConfig, draw_season
from playhead.worlds.season.plan import CLOCK

SHORT = SeasonConfig(seconds=60, episodes=6)


def _seasons(count: int, **settings: object) -> list[Season]:
    config = SHORT.model_copy(update=settings)
    return [draw_season(11, number, config) for number in range(count)]


@pytest.fixture(scope="module")
def seasons() -> list[Season]:
    return _seasons(40)


def _labels(season: Season) -> list[list[str]]:
    return [
        [event.label for event in season.events(number)] for number in range(len(season.episodes))
    ]


def test_the_parts_of_an_episode_follow_each_other_without_gaps(seasons: list[Season]) -> None:
    for season in seasons:
        for episode in season.episodes:
            assert episode.parts[0].start == 0
            assert all(a.stop == b.start for a, b in pairwise(episode.parts))
            for part in episode.parts:
                assert part.start < part.stop
                if part.scenes:
                    scenes = part.scenes
                    assert (scenes[0].start, scenes[-1].stop) == (part.start, part.stop)
                assert all(part.start <= line.start < line.stop <= part.stop for line in part.lines)


def test_an_episode_is_about_as_long_as_configured(seasons: list[Season]) -> None:
    for season in seasons:
        for number, episode in enumerate(season.episodes):
            assert season.duration(number) * float(episode.speed) == pytest.approx(60, rel=0.15)


def test_truth_depends_on_neither_size_nor_frame_rate() -> None:
    other = SHORT.model_copy(update={"width": 320, "height": 180, "rate": "25", "crf": 30})
    for number in range(3):
        first, second = draw_season(3, number, SHORT), draw_season(3, number, other)
        assert first.episodes == second.episodes
        assert first.songs == second.songs
        assert first.sources == second.sources
        assert all(first.events(k) == second.events(k) for k in range(6))


def test_series_and_seeds_differ() -> None:
    drawn = [draw_season(seed, number, SHORT) for seed in (1, 2) for number in (0, 1)]
    assert len({season.look.name for season in drawn}) == 4
    assert len({season.look.palette for season in drawn}) == 4
    assert len({season.songs for season in drawn}) == 4


def test_the_first_episode_has_no_recap_and_later_ones_show_the_story_before() -> None:
    seen = 0
    for season in _seasons(5, recaps=1.0):
        labels = _labels(season)
        assert "recap" not in labels[0]
        assert all("recap" in episode for episode in labels[1:])
        for before, episode in pairwise(season.episodes):
            story = [s for part in before.parts if part.kind == "story" for s in part.scenes]
            for part in episode.parts:
                for cut in part.cuts:
                    seen += 1
                    assert any(
                        s.start <= cut.start and cut.start + cut.samples <= s.stop for s in story
                    )
    assert seen > 40


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_chances_of_nought_and_one_are_certain(chance: float) -> None:
    names = ("openings", "dialogue", "eyecatches", "missing", "swaps", "pal", "dubbed")
    for season in _seasons(3, **dict.fromkeys(names, chance)):
        labels = _labels(season)
        events = [event for number in range(6) for event in season.events(number)]
        songs = {event.note for event in events if event.label == "opening"}
        assert all(("opening" in episode) != bool(chance) for episode in labels)
        assert all(("credits" in episode) == bool(chance) for episode in labels)
        assert all(("eyecatch" in episode) == bool(chance) for episode in labels)
        assert sum(episode.speed == PAL for episode in season.episodes) == int(chance)
        assert songs == (set() if chance else {"song=0"})


def test_two_openings_and_a_swap_are_visible_in_the_notes() -> None:
    settings = {"openings": 1.0, "missing": 0.0, "dialogue": 0.0}
    for season in _seasons(4, swaps=0.0, **settings):
        notes = [e.note for k in range(6) for e in season.events(k) if e.label == "opening"]
        assert notes == sorted(notes, key=str)
        assert set(notes) == {"song=0", "song=1"}
    for season in _seasons(4, swaps=1.0, **settings):
        openings = [e.note for k in range(6) for e in season.events(k) if e.label == "opening"]
        endings = [e.note for k in range(6) for e in season.events(k) if e.label == "ending"]
        assert openings.count("song=2") + (6 - endings.count("song=2")) == 1


def test_every_kind_of_part_occurs_at_about_its_rate(seasons: list[Season]) -> None:
    config, count = SHORT, 6 * len(seasons)
    labels = Counter(label for season in seasons for one in _labels(season) for label in set(one))
    assert set(labels) == set(CLASSES)
    assert labels["opening"] / count == pytest.approx(1 - config.missing, abs=0.06)
    assert labels["ending"] / count == pytest.approx(1 - config.missing, abs=0.06)
    assert labels["ending"] + labels["credits"] == count
    assert labels["recap"] / count == pytest.approx(config.recaps * 5 / 6, abs=0.1)
    assert labels["eyecatch"] / count == pytest.approx(config.eyecatches, abs=0.25)
    talked = [
        "talk" in (event.note or "")
        for season in seasons
        for number in range(6)
        for event in season.events(number)
        if event.label in {"opening", "ending"}
    ]
    assert sum(talked) / len(talked) == pytest.approx(config.dialogue, abs=0.1)
    first = [episode.parts[:3] for season in seasons for episode in season.episodes]
    cold = [
        [part.kind for part in parts if part.kind in {"story", "opening"}][:1] for parts in first
    ]
    assert cold.count(["story"]) / count == pytest.approx(config.cold_opens, abs=0.15)


def test_an_episode_at_pal_speed_is_4_27_per_cent_shorter() -> None:
    season = _seasons(1, pal=1.0)[0]
    number = next(k for k, episode in enumerate(season.episodes) if episode.speed == PAL)
    episode = season.episodes[number]
    assert float(PAL) == pytest.approx(1.0427083)
    assert season.duration(number) * float(PAL) == pytest.approx(episode.samples / CLOCK)
    songs = season.songs
    for event, part in zip(
        season.events(number), (p for p in episode.parts if p.kind in CLASSES), strict=True
    ):
        assert event.end is not None
        assert event.start == pytest.approx(part.start / CLOCK / float(PAL), abs=1e-6)
        if part.song is not None:
            length = songs[part.song].samples / CLOCK
            assert event.end - event.start == pytest.approx(length / float(PAL), abs=2e-6)
