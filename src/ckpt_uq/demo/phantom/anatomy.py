"""Where the organs of one simulated patient lie, and what hides in the kidneys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ckpt_uq.demo.phantom.blob import Blob, waves


@dataclass(frozen=True)
class Tissue:
    """A blob filled with one mean intensity."""

    blob: Blob
    hu: float


@dataclass(frozen=True)
class Kidney:
    """The parenchyma, and the fat of the sinus at its inner side."""

    body: Blob
    sinus: Blob


@dataclass(frozen=True)
class Anatomy:
    """One patient: `surroundings` are painted in order, kidneys over them, masses last."""

    body: Blob
    wall_mm: tuple[float, float]
    surroundings: tuple[Tissue, ...]
    kidneys: tuple[Kidney, Kidney]
    tumours: tuple[Blob, ...]
    cysts: tuple[Blob, ...]


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """One patient; about half have cysts, as in KiTS23, and nearly all a tumour."""
    scale = rng.normal(1.0, 0.05)
    kidneys = _kidney(rng, -1, scale), _kidney(rng, +1, scale)
    sides = [int(rng.integers(2))] * int(rng.uniform() < 0.95)
    tumours = tuple(_mass(rng, kidneys[side].body, (14, 40), offset=rng.uniform(0.4, 1.1)) for side in sides)
    n_cysts = int(rng.choice(3, p=[0.4, 0.4, 0.2]))
    cysts = tuple(
        _mass(rng, kidneys[int(rng.integers(2))].body, (10, 24), offset=rng.uniform(0.5, 1.15))
        for _ in range(n_cysts)
    )
    body = Blob((0, 0, 0), (900, 122 * scale, 168 * scale), waves=waves(rng, 0.02))
    wall = float(rng.uniform(10, 24))
    return Anatomy(body, (wall, wall + 13), _surroundings(rng, scale), kidneys, tumours, cysts)


def _surroundings(rng: np.random.Generator, scale: float) -> tuple[Tissue, ...]:
    def at(z: float, y: float, x: float, radii: tuple[float, float, float], wave: float = 0.06) -> Blob:
        centre = (z, y * scale + rng.normal(0, 4), x * scale + rng.normal(0, 4))
        return Blob(centre, radii, rng.normal(0, 0.15), waves(rng, wave))

    vessels = float(rng.normal(165, 30))
    liver = rng.uniform(0.7, 1.05)
    spleen = rng.uniform(0.6, 1.05)
    return (
        Tissue(at(0, -20, -85, (120, 68 * liver, 62 * liver), 0.12), rng.normal(105, 18)),
        Tissue(at(0, -8, 100, (90, 48 * spleen, 34 * spleen), 0.12), rng.normal(115, 20)),
        *(_bowel(rng, scale) for _ in range(int(rng.integers(6, 11)))),
        *(Tissue(at(0, 58, side * 34, (300, 20, 17)), rng.normal(62, 8)) for side in (-1, 1)),
        *(Tissue(at(0, 92, side * 40, (300, 20, 32)), rng.normal(58, 8)) for side in (-1, 1)),
        Tissue(at(0, 62, 0, (300, 21, 25), 0.03), rng.normal(290, 40)),
        Tissue(at(0, 62, 0, (300, 16, 20), 0.03), rng.normal(170, 40)),
        Tissue(at(0, 28, 8, (300, 11, 11), 0.02), vessels),
        Tissue(at(0, 24, -20, (300, 10, 14), 0.05), vessels - 30),
    )


def _bowel(rng: np.random.Generator, scale: float) -> Tissue:
    centre = (rng.normal(0, 10), rng.uniform(-80, -5) * scale, rng.uniform(-70, 95) * scale)
    radii = (25.0, float(rng.uniform(8, 18)), float(rng.uniform(10, 26)))
    return Tissue(Blob(centre, radii, rng.uniform(0, np.pi), waves(rng, 0.12)), float(rng.normal(45, 35)))


def _kidney(rng: np.random.Generator, side: int, scale: float) -> Kidney:
    centre = (rng.normal(0, 12), rng.normal(34, 5) * scale, side * rng.normal(78, 5) * scale)
    radii = (rng.normal(55, 5), rng.normal(30, 2.5), rng.normal(24, 2.5))
    turn = side * rng.normal(-0.5, 0.2)
    body = Blob(centre, radii, turn, waves(rng, 0.05))
    inner = (centre[0], centre[1] - rng.uniform(0, 8), centre[2] - side * rng.uniform(12, 18))
    sinus = Blob(inner, (28, rng.uniform(7, 12), rng.uniform(9, 15)), rng.normal(0, 0.3), waves(rng, 0.2))
    return Kidney(body, sinus)


def _mass(rng: np.random.Generator, host: Blob, radius_mm: tuple[float, float], offset: float) -> Blob:
    """A round mass `offset` of the way from the host's centre to its surface, away from the midline."""
    radius = float(np.exp(rng.uniform(*np.log(radius_mm))))
    outward = 0.0 if host.centre[2] > 0 else np.pi
    angle = outward + rng.uniform(-1.9, 1.9)
    centre = (
        rng.normal(0, 6),  # the slices are those that show masses
        host.centre[1] + offset * host.radii[1] * np.sin(angle),
        host.centre[2] + offset * host.radii[2] * np.cos(angle),
    )
    stretch = rng.uniform(0.85, 1.15)
    return Blob(centre, (radius, radius * stretch, radius / stretch), rng.uniform(0, np.pi), waves(rng, 0.08))
