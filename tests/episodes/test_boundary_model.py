"""The networks of clips: the recipe's sizes, answers in range, and their export."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from playhead.episodes.network.config import find_config, load_boundary_config
from playhead.episodes.network.model import Answer, AVTNet, SecondLook, build_from_manifest
from playhead.inference.runtime import OpenVinoBackend
from playhead.learning.export import export_bundle
from tests.episodes.fake_clips import SECONDS, make_clip
from tests.episodes.networks import plan_of, tiny


def clips(count: int = 2, seconds: int = SECONDS) -> dict[str, Tensor]:
    made = [make_clip(5.0 + 3 * k, seconds=seconds, seed=k) for k in range(count)]
    return {
        "sound": torch.from_numpy(np.stack([clip.mfcc for clip in made])),
        "frames": torch.from_numpy(np.stack([clip.frames for clip in made])),
        "text": torch.from_numpy(np.stack([clip.text.astype(np.uint8) for clip in made])),
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("full", 81_163_866), ("full-normalised", 85_356_122), ("full-yolt", 81_167_974)],
)
def test_the_packaged_networks_have_the_parameters_of_the_recipe(
    name: str, parameters: int
) -> None:
    config = load_boundary_config(find_config(name))
    with torch.device("meta"):
        network = AVTNet(config.network.without_start(), config.plan)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_the_shapes_are_those_of_the_recipe() -> None:
    config = load_boundary_config(find_config("full-yolt"))
    assert config.plan.columns == 8616
    with torch.device("meta"):
        network = AVTNet(config.network.without_start(), config.plan).eval()
        sound = torch.zeros(2, 20, 8616)
        assert network.sound(sound).shape == (2, 512, 270)
        assert network.embed_sound(sound).shape == (2, 200, 2048)
        frames = torch.zeros(3, 66, 88, 3, dtype=torch.uint8)
        assert network.embed_frames(frames).shape == (3, 512)
        assert network.embed_text(torch.zeros(3, 27, 36, dtype=torch.uint8)).shape == (3, 128)
        assert network.see(torch.zeros(2, 200, 640)).shape == (2, 200, 2048)
    assert network.weigh.squeeze.weight.shape == (1024, 4096)
    assert len(list(network.weigh.parameters())) == 2  # no biases
    assert network.second is not None
    assert network.second.line.weight.shape == (1, 10)


def test_the_training_is_that_of_the_recipe() -> None:
    plain = load_boundary_config(find_config("full")).with_kept_epochs()
    yolt = load_boundary_config(find_config("full-yolt"))
    assert plain.training.keep_epochs == tuple(range(40, 65))  # 39 to 63 from 0
    assert (plain.training.batch_size, yolt.training.batch_size) == (16, 21)
    assert (plain.loss.kind, yolt.loss.kind) == ("smooth-l1", "l1")
    assert plain.training.weight_decay == 0  # AdamW is then Adam


@pytest.mark.parametrize("second", ["none", "cell", "centred"])
@pytest.mark.parametrize("head", ["one-layer", "two-layer", "moments"])
def test_answers_lie_in_the_clip(head: str, second: str) -> None:
    config = tiny(head=head, second=second, presence=True)
    torch.manual_seed(0)
    network = AVTNet(config, plan_of(config)).eval()
    with torch.no_grad():
        answer: Answer = network(clips())
    for seconds in (answer.first, answer.seconds):
        assert seconds.shape == (2,)
        assert ((seconds >= 0) & (seconds <= SECONDS)).all()
    assert (answer.moments is None) == (head != "moments")
    assert answer.presence is not None
    assert answer.presence.shape == (2,)


def test_the_expectation_stays_in_the_clip_however_sure_the_scores_are() -> None:
    config = tiny(second="none")
    network = AVTNet(config, plan_of(config)).eval()
    for moment in (0, SECONDS - 1):
        scores = torch.full((1, SECONDS), -1e4)
        scores[0, moment] = 1e4
        network.head = torch.nn.Sequential(_Constant(scores))
        features = torch.zeros(1, SECONDS, sum(network.sizes.values()))
        assert network.answer(features).first.item() == moment + 0.5


class _Constant(torch.nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, _: Tensor) -> Tensor:
        return self.value


def test_the_cell_of_the_very_end_is_the_last_one() -> None:
    look = SecondLook(4, 200, centred=False)
    first = torch.tensor([0.0, 9.99, 10.0, 199.99, 200.0])
    assert look.start(first).tolist() == [0, 0, 10, 190, 190]
    assert SecondLook(4, 95, centred=False).start(torch.tensor([94.0])).item() == 85


def test_the_centred_cut_has_the_first_answer_in_its_middle_and_stays_in_the_clip() -> None:
    look = SecondLook(4, 200, centred=True)
    first = torch.tensor([0.0, 50.2, 199.0])
    assert look.start(first).tolist() == [0, 40, 180]
    assert look.length == 20


def test_the_second_look_sees_only_its_cut() -> None:
    torch.manual_seed(0)
    look = SecondLook(4, 60, centred=True)
    fused = torch.randn(1, 4, 60)
    changed = fused.clone()
    changed[:, :, :20] += 1
    changed[:, :, 40:] += 1
    start = torch.tensor([20])
    torch.testing.assert_close(look(fused, start), look(changed, start))
    changed[:, :, 20] += 1
    assert not torch.allclose(look(fused, start), look(changed, start))


@pytest.mark.parametrize(
    "changes",
    [
        {"presence": True, "recurrent_layers": 2},
        {"head": "one-layer", "second": "cell", "frame_scale": 1},
        {"inputs": ("sound",), "second": "none"},
        {"inputs": ("frames", "text"), "head": "two-layer"},
    ],
)
def test_a_bundle_answers_as_the_network_does(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = tiny(**changes)
    plan = plan_of(config)
    torch.manual_seed(1)
    network = AVTNet(config, plan).eval()
    training = {"network": config.model_dump()}
    classes = ("opening", "ending")
    bundle = export_bundle(
        network, tmp_path / "b", job="episodes", classes=classes, plan=plan, training=training
    )
    backend = OpenVinoBackend(bundle, threads=1)
    batch = {name: values for name, values in clips(3).items() if name in config.inputs}
    features = []
    for name in config.inputs:
        values = batch[name].numpy()
        if name == "sound":
            features.append(backend.run(name, values))
        else:
            flat = backend.run(name, values.reshape(-1, *values.shape[2:]))
            features.append(flat.reshape(*values.shape[:2], -1))
    outputs = backend.run("answer", np.concatenate(features, 2))
    with torch.no_grad():
        answer: Answer = network(batch)
    np.testing.assert_allclose(outputs[:, 0], answer.seconds, atol=1e-4)
    np.testing.assert_allclose(outputs[:, 1], answer.first, atol=1e-4)
    if answer.moments is not None:
        np.testing.assert_allclose(outputs[:, 3:], answer.moments.softmax(1), atol=1e-4)
    present = np.ones(3) if answer.presence is None else answer.presence.sigmoid()
    np.testing.assert_allclose(outputs[:, 2], present, atol=1e-4)
    rebuilt, read_plan = build_from_manifest(bundle.manifest)
    assert read_plan == plan
    assert rebuilt.state_dict().keys() == network.state_dict().keys()
