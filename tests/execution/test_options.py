"""Options that the commands of several jobs share."""

import pytest

from playhead.errors import ConfigError
from playhead.execution.options import parse_weights


def test_weights_are_one_positive_number_for_each_member() -> None:
    assert parse_weights("2,.5", 2, "folders") == (2, 0.5)
    for text in ("1", "1,0", "1,-1", "1,nan", "1,inf", "1,2,3", ""):
        with pytest.raises(ConfigError, match="2 folders need 2 numbers above 0"):
            parse_weights(text, 2, "folders")
