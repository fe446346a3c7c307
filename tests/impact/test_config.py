"""The configuration of impact."""

from pathlib import Path
from typing import Any

import pytest

from playhead.config import validate
from playhead.errors import ConfigError
from playhead.impact.config import ImpactConfig, find_config, load_impact_config


def config(**changes: Any) -> ImpactConfig:
    data = {"manifest": "manifest.csv", "size": [96, 64], **changes.pop("data", {})}
    return validate(ImpactConfig, {"data": data, **changes}, source="test")


@pytest.mark.parametrize("name", ["collisions-demo", "full"])
def test_a_packaged_configuration_is_valid_and_its_plan_is_that_of_its_network(name: str) -> None:
    loaded = load_impact_config(find_config(name))
    plan = loaded.plan
    assert (plan.size, plan.pixels, plan.rate) == (
        loaded.data.size, loaded.network.pixels, loaded.data.rate,
    )  # fmt: skip
    assert (plan.frames, plan.before, plan.box_unit) == (
        loaded.network.frames, loaded.network.before, loaded.network.box_unit,
    )  # fmt: skip


def test_the_full_configuration_has_the_sizes_of_the_recipe() -> None:
    full = load_impact_config(find_config("full"))
    patches = full.patches
    assert (patches.side, patches.step_of_positives, patches.step_of_negatives) == (224, 28, 112)
    assert full.plan.output_shape(1) == (None, 6, 180, 320)


def test_the_grid_of_a_size_that_is_no_multiple_of_the_stride_is_rounded_up() -> None:
    assert config(data={"size": [98, 66]}).plan.output_shape(1) == (None, 6, 17, 25)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"pixels": "rgb"}}, "network.pixels is luma"),
        ({"patches": {"side": 80}}, "must not exceed data.size"),
        ({"patches": {"side": 50}}, "multiple of 4"),
        ({"patches": {"side": 48, "positive_step": 30}}, "impacts are missed"),
        ({"patches": {"windows": 4}}, "above 1 needs network.marker false"),
        ({"network": {"freeze_backbone": True}}, "would keep random weights"),
        ({"network": {"weights": "i3d.safetensors"}}, "only for the kind i3d"),
        ({"data": {"folds": 2, "fold": 2}}, "below folds"),
        ({"data": {"rate": "fast"}}, "rate"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_the_start_of_a_run_folder_is_its_best_weights(tmp_path: Path) -> None:
    folder = config(start={"weights": str(tmp_path)}).start
    file = config(start={"weights": "epoch_2.safetensors"}).start
    assert folder is not None
    assert folder.file == tmp_path / "best.safetensors"
    assert file is not None
    assert file.file == Path("epoch_2.safetensors")
