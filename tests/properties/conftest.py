"""The same examples on every machine; NENGDUAN_PROPERTY_EXAMPLES asks for more plants than CI tries."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

#: Random plants of some 50 meters each; every one costs several builds.
PLANTS = int(os.environ.get("NENGDUAN_PROPERTY_EXAMPLES", "2"))

settings.register_profile(
    "reference",
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("reference")

#: For the pipeline: an example is a seed, so there is nothing to shrink.
PIPELINE = settings(
    max_examples=PLANTS,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

#: For changes: an example is eight small plants with seven steps each, and as many builds as one plant would need.
INCREMENTS = settings(PIPELINE, max_examples=PLANTS)
