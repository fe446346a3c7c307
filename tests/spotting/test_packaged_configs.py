"""The packaged configurations are valid, and `init` can write each setting it derives over them."""

from pathlib import Path

import pytest

import playhead.spotting
from playhead.spotting.config import find_config, load_spotting_config
from playhead.spotting.stages.plan import load_plan, read_plan

FOLDER = Path(playhead.spotting.__file__).parent / "configs"
PRESETS = ("quick", "small", "falls", "full")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_packaged_configuration_is_valid(path: Path) -> None:
    if read_plan(find_config(path.stem), (), None) is None:
        load_spotting_config(find_config(path.stem))


def test_the_presets_are_what_their_names_say() -> None:
    quick, small, _, full = (load_spotting_config(find_config(name)) for name in PRESETS)
    assert (quick.model.weights, small.model.encoder) == ("mobilenet-v2", "small")
    assert full.data.size == (1280, 720)
    assert quick.data.cached
    assert not full.data.cached


def test_full_is_the_first_stage_of_the_full_size_recipe() -> None:
    full = load_spotting_config(find_config("full"))
    classes = [f"data.classes=[{', '.join(full.data.classes)}]"]
    plan = load_plan(find_config("ball-2023"), classes)
    assert plan.base(plan.stage("basic")) == full
