"""昆明某小型钢厂: the sample plant. Real incoming electricity, everything else synthetic (see README)."""

from tests.plants.kunming_steel.package import build, build_small
from tests.plants.kunming_steel.window import real_year

__all__ = ["build", "build_small", "real_year"]
