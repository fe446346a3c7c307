"""The look of a play: uniforms of two teams, grass and lines."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["PlayLook", "Uniform", "draw_look"]

Colour = tuple[int, int, int]

_TEAMS: tuple[Colour, ...] = (
    (150, 28, 36), (28, 52, 120), (24, 92, 60), (196, 120, 30), (40, 40, 46), (92, 44, 122),
    (206, 176, 52), (110, 160, 200), (226, 226, 226), (120, 76, 44),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = ((226, 182, 150), (188, 138, 104), (136, 92, 64), (92, 60, 44))


@dataclass(frozen=True, slots=True)
class Uniform:
    """The colours of one player; `colours` holds a lit and a shaded tone for each part."""

    colours: dict[str, tuple[Colour, Colour]]
    stripe: Colour
    cage: Colour
    inside: Colour  # of the helmet
    face: Colour
    ink: Colour  # of the number
    number: str  # two digits

    def lit(self, gain: tuple[float, float, float]) -> "Uniform":
        """The same uniform with all colours multiplied by a gain."""

        def times(colour: Colour) -> Colour:
            r, g, b = (min(round(c * k), 255) for c, k in zip(colour, gain, strict=True))
            return r, g, b

        return replace(
            self,
            colours={name: (times(a), times(b)) for name, (a, b) in self.colours.items()},
            stripe=times(self.stripe), cage=times(self.cage), inside=times(self.inside),
            face=times(self.face), ink=times(self.ink),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlayLook:
    """Colours of a play."""

    uniforms: tuple[Uniform, ...]
    grass: Colour
    stripes: float  # strength of the mowing stripes
    line: float  # metres: x of a yard line
    seed: int


def draw_look(rng: np.random.Generator, teams: NDArray[np.int64]) -> PlayLook:
    """teams: (players,) 0 or 1."""
    pairs = rng.permutation(len(_TEAMS))
    kits = []
    for team in (0, 1):
        main, second = _TEAMS[int(pairs[2 * team])], _TEAMS[int(pairs[2 * team + 1])]
        jersey = main if team == 0 or rng.random() < 0.4 else (222, 222, 224)
        helmet = main if rng.random() < 0.65 else second
        pants = second if rng.random() < 0.4 else (208, 208, 206)
        # In half of the teams pads or knees have the colour of the helmet.
        pads = helmet if rng.random() < 0.5 else jersey
        knees = helmet if rng.random() < 0.5 else pants
        cage = (60, 62, 68) if rng.random() < 0.6 else (214, 214, 210)
        stripe = second if helmet == main else main
        kits.append((jersey, helmet, pants, pads, knees, cage, stripe))
    uniforms = []
    for team in teams.tolist():
        jersey, helmet, pants, pads, knees, cage, stripe = kits[team]
        skin = _SKIN[int(rng.integers(len(_SKIN)))]
        sleeve = skin if rng.random() < 0.6 else jersey
        glove = skin if rng.random() < 0.4 else ((36, 36, 38), (224, 224, 222))[team]
        parts = {
            "thigh": pants, "shin": (220, 220, 218) if team else (60, 60, 66), "knee": knees,
            "shoe": (40, 40, 42) if team else (214, 214, 214), "torso": jersey, "chest": jersey,
            "pad": pads, "arm": jersey, "forearm": sleeve, "hand": glove, "helmet": helmet,
            "shell": helmet, "shine": helmet,
        }  # fmt: skip
        colours = {
            name: (_tone(colour, 1.08), _tone(colour, 0.68)) for name, colour in parts.items()
        }
        colours["shell"] = (_tone(helmet, 0.9), _tone(helmet, 0.9))
        shine = _tone(helmet, 0.5, 118)
        colours["shine"] = (shine, shine)
        bright = sum(jersey) > 420
        uniforms.append(
            Uniform(
                colours, stripe, cage, (30, 28, 30), _tone(skin, 0.85),
                (30, 32, 40) if bright else (236, 236, 232), f"{int(rng.integers(10, 100))}",
            )
        )  # fmt: skip
    green = rng.uniform(0.8, 1.15)
    grass = _tone((82, 116, 58), green)
    return PlayLook(
        tuple(uniforms), grass, float(rng.uniform(0, 0.06)), float(rng.uniform(-2.3, 2.3)),
        int(rng.integers(1 << 31)),
    )  # fmt: skip


def _tone(colour: Colour, factor: float, plus: float = 0.0) -> Colour:
    r, g, b = (int(min(max(c * factor + plus, 0), 255)) for c in colour)
    return r, g, b
