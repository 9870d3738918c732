"""What was measured, and the bounds it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

MIB = 1024**2


@dataclass(frozen=True)
class Bound:
    """At most ``limit`` in the figure's unit; with ``times`` at most ``limit`` times that figure's median."""

    limit: float
    times: str | None = None


@dataclass(frozen=True)
class Figure:
    """A measured figure: its repetitions, and its bound where it has one."""

    name: str
    values: tuple[float, ...]
    unit: str = "s"
    bound: Bound | None = None

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass(frozen=True)
class Verdict:
    """A figure held against its bound: ratio to what it refers to, the bound in words, and whether it is met."""

    ratio: float | None
    words: str
    is_met: bool | None


def judge(figure: Figure, figures: dict[str, Figure]) -> Verdict:
    """``figures`` are all of the run, by name; a figure is compared with its median."""
    bound = figure.bound
    if bound is None:
        return Verdict(None, "", None)
    if bound.times is None:
        return Verdict(None, f"{bound.limit:g} {figure.unit}", figure.median <= bound.limit)
    ratio = figure.median / figures[bound.times].median
    return Verdict(ratio, f"{bound.limit:g} × {bound.times}", ratio <= bound.limit)


def missed(figures: dict[str, Figure]) -> list[str]:
    """Names of the figures beyond their bounds."""
    return [name for name, figure in figures.items() if judge(figure, figures).is_met is False]
