"""A tiny model and its bundle; torch is imported only for the tests that ask for them."""

from typing import TYPE_CHECKING

import pytest

from playhead.inference.bundle import Bundle

if TYPE_CHECKING:
    from tests.tiny_windows import TinyFusion


@pytest.fixture(scope="session")
def model() -> "TinyFusion":
    from tests.tiny_windows import tiny

    return tiny()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, model: "TinyFusion") -> Bundle:
    from tests.tiny_windows import write_tiny_bundle

    return write_tiny_bundle(model, tmp_path_factory.mktemp("bundles") / "tiny")
