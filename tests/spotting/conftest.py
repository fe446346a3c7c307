"""A tiny data set, a run and its predictions, made once through the commands a user has."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from playhead.worlds import generate
from tests.command import playhead

CONFIG = """\
job: spotting
data: {manifest: MANIFEST, classes: [pass, drive], rate: "25", size: [64, 36]}
samples_per_epoch: 32
model: {kind: slow_fusion, encoder: small, encoder_channels: 8, channels: 8, head_channels: 8}
loss: {kind: bce}
training: {precision: fp32, epochs: 2, batch_size: 8, rate: 3.0e-3, final_rate: 3.0e-5, ema: 0.5,
  threads: 1, select: window_map, keep_epochs: [1]}
decisions: {min_height: 0.0}
"""


@dataclass(frozen=True)
class Tiny:
    """Where the tiny data set, its run and its predictions lie."""

    manifest: Path
    config: Path
    run: Path
    predictions: Path
    test_video: Path

    @property
    def bundle(self) -> Path:
        return self.run / "bundle"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny world ö")
    settings = ("seconds=12", "width=64", "height=36", "train=0.5", "valid=0.25")
    manifest = generate("football", folder / "world", count=4, seed=3, settings=settings)
    config = folder / "tiny.yaml"
    config.write_text(CONFIG.replace("MANIFEST", json.dumps(str(manifest))), encoding="utf-8")
    playhead("spotting", "train", config, "--out", folder / "run")
    video = manifest.parent / "match-003.mp4"
    predictions = folder / "predictions"
    playhead("spotting", "predict", folder / "run" / "bundle", video, "--out", predictions)
    return Tiny(manifest, config, folder / "run", predictions, video)
