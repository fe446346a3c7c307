"""A tiny model and its bundle."""

import pytest

from playhead.inference.bundle import Bundle
from tests.tiny_windows import TinyFusion, tiny, write_tiny_bundle


@pytest.fixture(scope="session")
def model() -> TinyFusion:
    return tiny()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, model: TinyFusion) -> Bundle:
    return write_tiny_bundle(model, tmp_path_factory.mktemp("bundles") / "tiny")
