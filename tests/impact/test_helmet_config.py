"""The configuration of the helmet network, and which command reads it."""

from pathlib import Path
from typing import Any

import pytest

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.impact.config import find_config, load_impact_config, task_of
from playhead.impact.helmets.config import HelmetConfig, load_helmet_config
from playhead.impact.network_config import full_size_helmet


def config(**changes: Any) -> HelmetConfig:
    data = {"manifest": "manifest.csv", "size": [96, 64], "pixels": "rgb"}
    values = {"task": "helmets", "data": data | changes.pop("data", {}), **changes}
    return validate(HelmetConfig, values, source="test")


@pytest.mark.parametrize("name", ["helmets-demo", "helmets-full"])
def test_a_packaged_configuration_is_valid_and_known_by_its_task(name: str) -> None:
    path = find_config(name)
    assert task_of(path) == "helmets"
    loaded = load_helmet_config(path)
    assert (loaded.plan.size, loaded.plan.pixels) == (loaded.data.size, loaded.network.pixels)
    assert loaded.training.select == "best_f1"


def test_the_full_configuration_has_the_network_of_the_recipe() -> None:
    full = load_helmet_config(find_config("helmets-full"))
    assert full.network == full_size_helmet("hub")
    assert full.frames.crop is None
    assert full.data.size == (1280, 720)


def test_the_demo_sees_what_the_collision_network_of_the_demo_sees() -> None:
    helmets = load_helmet_config(find_config("helmets-demo"))
    collisions = load_impact_config(find_config("collisions-demo"))
    assert helmets.data == collisions.data


def test_a_configuration_without_task_trains_a_collision_network(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("job: impact\ndata: {}\n")
    assert task_of(path) == "collisions"
    assert task_of(path, ["task=helmets"]) == "helmets"
    assert task_of(find_config("full")) == "collisions"
    with pytest.raises(
        ConfigError, match=r"config.yaml.*task.*'collisions', 'helmets' or 'tracks'"
    ):
        task_of(path, ["task=helmet"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"pixels": "luma"}}, "network.pixels is rgb"),
        ({"frames": {"crop": [32, 65]}}, "must not exceed data.size"),
        ({"frames": {"share": 0}}, "share"),
        ({"network": {"target": "box"}}, "target"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)
