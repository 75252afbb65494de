"""The surface of a mask, cell by cell between voxel centres, by marching squares and marching cubes.

A cell has a voxel centre at each of its 4 or 8 corners; its code is the number whose bits say which of them
are inside. What of the surface runs through a cell depends on its code alone, so its size is looked up in a
table, which is made here from the cell's geometry instead of being typed in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Corner = tuple[int, ...]
Edge = tuple[Corner, Corner]
Point = tuple[float, ...]


def cell_codes(mask: Array) -> Array:
    """Code of every cell, uint8, one cell more along each axis than voxels; nothing lies beyond the grid.

    The corner that comes first in memory is the highest bit.
    """
    padded = np.pad(mask, 1).view(np.uint8)
    codes = np.zeros(tuple(size + 1 for size in mask.shape), np.uint8)
    for corner in product((0, 1), repeat=mask.ndim):
        codes <<= 1
        codes |= padded[tuple(slice(at, at + n) for at, n in zip(corner, codes.shape, strict=True))]
    return codes


def element_sizes(spacing: tuple[float, ...]) -> Array:
    """Length in mm (2D) or area in mm2 (3D) of the surface in a cell, for each code."""
    codes, pieces = _segments() if len(spacing) == 2 else _triangles()
    ends = pieces * np.array(spacing)
    sides = ends[:, 1:] - ends[:, :1]
    gram = sides @ sides.transpose(0, 2, 1)  # its determinant is the squared length, or twice the area
    sizes = np.sqrt(np.linalg.det(gram)) / (1 if len(spacing) == 2 else 2)
    return np.bincount(codes, sizes, minlength=2**2 ** len(spacing))


@lru_cache
def _segments() -> tuple[Array, Array]:
    """Codes (n,) and ends (n, 2, 2) of the surface's pieces in the unit square."""
    found = [
        (code, [_middle(edge) for edge in pair])
        for code, inside in _all_codes(2)
        for pair in _cuts(_SQUARE, inside)
    ]
    return np.array([code for code, _ in found]), np.array([ends for _, ends in found])


@lru_cache
def _triangles() -> tuple[Array, Array]:
    """Codes (n,) and corners (n, 3, 3) of the surface's pieces in the unit cube."""
    found = []
    for code, inside in _all_codes(3):
        if len(inside) > 4:  # the surface of the rarer side: a mask and its complement have the same
            inside = frozenset(product((0, 1), repeat=3)) - inside
        for loop in _loops(inside):
            found += [(code, triangle) for triangle in _span([_middle(edge) for edge in loop])]
    return np.array([code for code, _ in found]), np.array([corners for _, corners in found])


def _all_codes(ndim: int) -> Iterator[tuple[int, frozenset[Corner]]]:
    corners = list(product((0, 1), repeat=ndim))
    for code in range(2 ** len(corners)):
        bits = f"{code:0{len(corners)}b}"
        yield code, frozenset(corner for corner, bit in zip(corners, bits, strict=True) if bit == "1")


_SQUARE: tuple[Corner, ...] = ((0, 0), (0, 1), (1, 1), (1, 0))


def _cuts(face: tuple[Corner, ...], inside: frozenset[Corner]) -> list[tuple[Edge, Edge]]:
    """Pairs of a square's edges that the surface joins; corners inside that lie opposite are kept apart."""
    edges: list[Edge] = [(face[k - 1], face[k]) for k in range(4)]  # edge k ends at corner k
    crossed = [k for k, (a, b) in enumerate(edges) if (a in inside) != (b in inside)]
    if len(crossed) == 4:
        return [(edges[k], edges[(k + 1) % 4]) for k in range(4) if face[k] in inside]
    return [(edges[crossed[0]], edges[crossed[1]])] if crossed else []


def _loops(inside: frozenset[Corner]) -> list[list[Edge]]:
    """Closed loops of a cube's edges in which the surface cuts it."""
    beside: dict[Edge, list[Edge]] = {}
    for axis, side in product(range(3), (0, 1)):
        face = tuple((*at[:axis], side, *at[axis:]) for at in _SQUARE)
        for pair in _cuts(face, inside):
            one, other = (min(edge, edge[::-1]) for edge in pair)
            beside.setdefault(one, []).append(other)
            beside.setdefault(other, []).append(one)
    loops = []
    while beside:
        loop = [next(iter(beside))]
        while onward := [edge for edge in beside.pop(loop[-1]) if edge in beside]:
            loop.append(onward[0])
        loops.append(loop)
    return loops


@lru_cache
def _triangulations(n: int) -> list[tuple[tuple[int, int, int], ...]]:
    """All ways to divide a polygon of n corners into triangles."""

    def between(i: int, j: int) -> list[tuple[tuple[int, int, int], ...]]:
        if j - i < 2:
            return [()]
        return [
            (*left, (i, k, j), *right)
            for k in range(i + 1, j)
            for left, right in product(between(i, k), between(k, j))
        ]

    return between(0, n - 1)


def _span(points: list[Point]) -> list[list[Point]]:
    """Triangles between the points of a loop.

    Where a loop is not flat, its diagonals are a convention. Marching cubes' own are of the largest area.
    """
    ways = [[[points[k] for k in triangle] for triangle in way] for way in _triangulations(len(points))]
    return max(ways, key=lambda way: round(sum(_area(*triangle) for triangle in way), 9))


def _area(a: Point, b: Point, c: Point) -> float:
    u, v = ([q - p for p, q in zip(a, other, strict=True)] for other in (b, c))
    return math.hypot(*(u[i] * v[j] - u[j] * v[i] for i, j in combinations(range(3), 2))) / 2


def _middle(edge: Edge) -> Point:
    return tuple((a + b) / 2 for a, b in zip(*edge, strict=True))
