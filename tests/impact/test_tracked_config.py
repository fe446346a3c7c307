"""The configuration of the network of tracked helmets."""

from typing import Any

import pytest

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.impact.config import find_config, load_impact_config, task_of
from playhead.impact.tracked.config import TrackedConfig, load_tracked_config


def config(**changes: Any) -> TrackedConfig:
    values = {"task": "tracks", "data": {"manifest": "m.csv", "size": [96, 64]}, **changes}
    return validate(TrackedConfig, values, source="test")


@pytest.mark.parametrize(("name", "frames"), [("tracks-demo", 8), ("tracks-full", 16)])
def test_a_packaged_configuration_is_valid_and_known_by_its_task(name: str, frames: int) -> None:
    path = find_config(name)
    assert task_of(path) == "tracks"
    loaded = load_tracked_config(path)
    assert loaded.plan.frames == frames
    assert (loaded.plan.size, loaded.plan.pixels) == (loaded.data.size, loaded.data.pixels)
    assert loaded.training.select == "impact_ap"


def test_the_demo_sees_what_the_collision_network_of_the_demo_sees() -> None:
    collisions = load_impact_config(find_config("collisions-demo"))
    assert load_tracked_config(find_config("tracks-demo")).data == collisions.data


def test_the_plan_says_what_the_network_sees() -> None:
    plans = {
        inputs: config(network={"inputs": inputs}).plan
        for inputs in ("pixels+motion", "pixels", "motion")
    }
    assert [plan.motion_values for plan in plans.values()] == [135, 0, 135]
    assert "crops" not in plans["motion"].describe()
    assert "motion of the helmet" not in plans["pixels"].describe()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crops": {"frames": 4, "before": 4}}, "before"),
        ({"network": {"inputs": "sound"}}, "inputs"),
        ({"training": {"batch_size": 5}}, "batch_size is 5"),
        ({"clips": {"clips": 7}}, "clips.clips is 7"),
        ({"jitter": {"missing": 1}}, "missing"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)
