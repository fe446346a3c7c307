"""The networks of recognition: shapes, what they ignore, and their exported graphs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from playhead.events.keypoints import COCO_17
from playhead.inference.bundle import load_bundle
from playhead.inference.runtime import open_backend
from playhead.learning.export import export_bundle
from playhead.recognition.model import build_from_manifest, build_network
from playhead.recognition.networks_config import (
    ClipNetworkConfig,
    FramesNetworkConfig,
    KeypointNetworkConfig,
)
from playhead.recognition.plan import KeypointClipPlan, PixelClipPlan
from playhead.recognition.poses import flip

CLASSES = ("a", "b", "c")
POSES = KeypointClipPlan(seconds=2, people=2, skeleton=COCO_17, length=16)
IMAGES = PixelClipPlan(seconds=2, size=(48, 32), frames=4, together=False)
CLIPS = IMAGES.model_copy(update={"together": True})
NETWORKS: dict[
    str,
    tuple[
        FramesNetworkConfig | ClipNetworkConfig | KeypointNetworkConfig,
        KeypointClipPlan | PixelClipPlan,
    ],
] = {
    "tcn": (KeypointNetworkConfig(length=16, width=16), POSES),
    "lstm": (KeypointNetworkConfig(kind="lstm", length=16, width=16), POSES),
    "two": (
        KeypointNetworkConfig(
            length=16, width=16, inputs=("between", "motion", "bones"), average_views=True
        ),
        POSES,
    ),
    "frames": (FramesNetworkConfig(encoder="small", weights=None, size=(48, 32)), IMAGES),
    "factored": (ClipNetworkConfig(widths=(8, 12), size=(48, 32), frames=4), CLIPS),
    "i3d": (ClipNetworkConfig(backbone="i3d", width=4, size=(48, 32), frames=4), CLIPS),
}


def inputs(plan: KeypointClipPlan | PixelClipPlan, seed: int = 0, count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    if isinstance(plan, KeypointClipPlan):
        points = torch.randn(count, *plan.shape, generator=generator)
        points[..., -1] = (points[..., -1] > -0.5).float()
        return points
    width, height = plan.size
    shape = (count, plan.frames, height, width, 3)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_exported_network_answers_as_it_does_in_torch(name: str, tmp_path: Path) -> None:
    config, plan = NETWORKS[name]
    torch.manual_seed(1)
    network = build_network(config, len(CLASSES), plan)
    for _ in range(3):  # statistics of batch norm that are not those of the start
        network(inputs(plan, 1, 8))
    network.eval()
    training = {"network": config.model_dump(mode="json")}
    export_bundle(
        network, tmp_path / "b", job="recognition", classes=CLASSES, plan=plan, training=training
    )
    bundle = load_bundle(tmp_path / "b")
    held = inputs(plan, 2)
    with torch.inference_mode():
        expected = network(held).numpy()
    assert expected.shape == (3, 3)
    [part] = bundle.manifest.parts
    backend = open_backend(bundle, device="cpu", threads=1, precision="fp32")
    given = held.flatten(0, 1) if name == "frames" else held
    answered = backend.run(part, given.numpy())
    if name == "frames":
        answered = answered.reshape(3, plan.frames, -1).mean(1)  # type: ignore[union-attr]
    assert np.allclose(answered, expected, atol=2e-4)
    rebuilt, same = build_from_manifest(bundle.manifest)
    assert same == plan
    assert rebuilt.state_dict().keys() == network.state_dict().keys()


@pytest.mark.parametrize("name", ["tcn", "lstm", "two"])
def test_where_a_joint_was_not_seen_its_coordinates_do_not_matter(name: str) -> None:
    config, plan = NETWORKS[name]
    network = build_network(config, len(CLASSES), plan).eval()
    points = inputs(plan)
    changed = points.clone()
    hidden = points[..., -1] == 0
    assert hidden.any()
    changed[..., :-1][hidden] = 99.0
    with torch.inference_mode():
        torch.testing.assert_close(network(changed), network(points))


def test_time_can_be_halved_only_as_often_as_it_has_points() -> None:
    deep = (1,) * 5
    with pytest.raises(ValidationError, match="set the length to 16 or more"):
        KeypointNetworkConfig(length=8, dilations=deep)
    shortest = KeypointNetworkConfig(length=16, width=16, dilations=deep)
    assert build_network(shortest, len(CLASSES), POSES)(inputs(POSES)).shape == (3, len(CLASSES))
    KeypointNetworkConfig(length=8, dilations=deep, halve=False)


def test_motion_is_a_difference_and_only_of_joints_seen_at_both_times() -> None:
    config = KeypointNetworkConfig(length=16, inputs=("motion",))
    network = build_network(config, len(CLASSES), POSES)
    points = torch.zeros(1, *POSES.shape)
    points[..., -1] = 1
    points[0, :, 0, 5, 0] = torch.arange(16.0)  # one joint moves one unit a step
    points[0, 7, 0, 5, -1] = 0  # and is hidden once
    features = network.features(points)  # type: ignore[operator]
    values = POSES.people * 17
    steps = features[0, :, values + POSES.people :].view(16, 2, -1)  # over 1 and over 4 steps
    moving = steps.abs().sum(2)
    # Over one step: known from the second time on, but for the two that touch the hidden one.
    assert torch.equal(moving[:, 0].nonzero().flatten(), torch.tensor(
        [k for k in range(1, 16) if k not in (7, 8)]
    ))  # fmt: skip
    assert moving[:, 0].max() == 5


def test_between_are_the_distances_of_joints_of_two_people_that_are_both_seen() -> None:
    config = KeypointNetworkConfig(length=16, inputs=("between",))
    network = build_network(config, len(CLASSES), POSES)
    points = inputs(POSES, count=1)
    distances = network.features(points)[0, :, -17 * 17 :].view(16, 17, 17)  # type: ignore[operator]
    points = points[0]
    for time, first, second in [(0, 0, 0), (3, 5, 10), (15, 16, 2), (8, 2, 16)]:
        one, other = points[time, 0, first], points[time, 1, second]
        expected = (one[:2] - other[:2]).norm() * one[2] * other[2]
        assert float(distances[time, first, second]) == pytest.approx(float(expected), abs=2e-3)


def test_bones_are_the_directions_of_edges_of_which_both_joints_are_seen() -> None:
    config = KeypointNetworkConfig(length=16, inputs=("bones",))
    network = build_network(config, len(CLASSES), POSES)
    edges = [COCO_17.indices(edge) for edge in COCO_17.edges]
    points = inputs(POSES, count=1)
    features = network.features(points * torch.tensor([50, 50, 1]))  # type: ignore[operator]
    directions = features[0, :, -2 * 2 * len(edges) :].view(16, 2, len(edges), 2)
    shown = 0
    for edge, (start, end) in enumerate(edges):
        for time in (0, 7, 15):
            a, b = points[0, time, 1, start], points[0, time, 1, end]
            expected = (b - a)[:2] / (b - a)[:2].norm() * a[2] * b[2]
            torch.testing.assert_close(directions[time, 1, edge], expected, atol=0.02, rtol=0)
            shown += int(a[2] * b[2])
    assert 0 < shown < 3 * len(edges)


@pytest.mark.parametrize("kind", ["tcn", "lstm"])
def test_averaged_over_views_neither_the_order_of_people_nor_mirroring_matters(kind: str) -> None:
    points = inputs(POSES)
    changed = [points.flip(2), torch.from_numpy(flip(points.numpy(), COCO_17))]
    for average in (False, True):
        config = KeypointNetworkConfig.model_validate(
            {"kind": kind, "length": 16, "width": 16, "average_views": average}
        )
        network = build_network(config, len(CLASSES), POSES).eval()
        with torch.inference_mode():
            expected = network(points)
            for view in changed:
                assert torch.allclose(network(view), expected, atol=1e-5) == average


def test_frames_are_averaged() -> None:
    config, plan = NETWORKS["frames"]
    network = build_network(config, len(CLASSES), plan).eval()
    clips = inputs(plan)
    with torch.inference_mode():
        each = torch.stack([network(clips[:, k : k + 1]) for k in range(plan.frames)])  # type: ignore[union-attr]
        torch.testing.assert_close(network(clips), each.mean(0), atol=1e-5, rtol=1e-4)


def test_a_frozen_encoder_keeps_its_statistics() -> None:
    config, plan = NETWORKS["frames"]
    frozen = config.model_copy(update={"freeze_encoder": True})
    network = build_network(frozen, len(CLASSES), plan).train()
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}  # type: ignore[union-attr]
    network(inputs(plan)).sum().backward()
    after = network.encoder.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert network.classify.weight.grad is not None  # type: ignore[union-attr]
