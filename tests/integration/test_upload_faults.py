"""Whatever the platform does and whenever the sender dies, the platform ends with the marts' figures, each value that
it ever stored was the marts' own, and they came in the marts' order.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.settings import Settings
from tests.integration import upload_world
from tests.integration.upload_world import DESTINATIONS, FURNACE, KINDS, PLANT, TOTAL, Figure, Place, World

pytestmark = pytest.mark.slow

SCHEDULES = int(os.environ.get("NENGDUAN_UPLOAD_SCHEDULES", "200"))

#: Instead of an answer, or with one that says nothing, with what else the platform is told.
SILENT: dict[str, dict[str, Any]] = {
    "close": {},
    "reset": {},
    "cut": {},
    "hang": {"seconds": 0.05},
    "drip": {"seconds": 0.00002},
    "status": {"status": 500},
    "garbage": {},
    "html": {},
    "truncated": {},
    "wrong_types": {},
    "huge_numbers": {},
    "deep": {},
    "big": {"megabytes": 9},
    "redirect": {},
    "body": {"text": "null"},
}
#: The platform's own refusals.
REFUSALS: dict[str, dict[str, Any]] = {
    "reject": {"rows": [0]},
    "decryption": {},
    "identity": {},
    "urls": {},
}
#: What holds on; the message itself is dealt with as usual.
CHANGES: dict[str, dict[str, Any]] = {
    "move_urls": {},
    "bump_registration": {},
    "bump_dictionaries": {},
    "rotate_keys": {},
    "expire_tokens": {},
    "freeze": {},
}
STATUSES = (401, 404, 405, 429, 500, 502, 503, 504)
DEEDS = SILENT | REFUSALS | CHANGES


@pytest.fixture(scope="module")
def world(module_warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with upload_world.world(tmp_path_factory.mktemp("world")) as made:
        yield made


def some_figures(rng: random.Random, first: date, count: int) -> dict[Place, Figure | None]:
    """Figures of the ten days from ``first`` on, of its month and its year; values that the platforms' forms can hold."""
    figures: dict[Place, Figure | None] = {}
    for _ in range(count):
        day = datetime.combine(first, time()) + timedelta(days=rng.randrange(10))
        stat_type = rng.choice([0, 0, 0, 1, 1, 1, 2, 3])
        at = {
            0: day + timedelta(hours=rng.randrange(24), minutes=rng.randrange(0, 60, 15)),
            1: day,
            2: datetime(first.year, first.month, 1),
            3: datetime(first.year, 1, 1),
        }[stat_type]
        value = Decimal(rng.randrange(10**9)).scaleb(-rng.randrange(5))
        figures[rng.choice([PLANT, FURNACE, TOTAL]), stat_type, at] = (value, rng.random() < 0.9)
    return figures


# ---------------------------------------------------------------- each fault, each profile, each kind of message
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("destination", DESTINATIONS)
def test_each_fault_at_each_kind_of_message_is_survived(world: World, destination: str, deed: str) -> None:
    rng = random.Random(f"{destination} {deed}")
    profile = DESTINATIONS[destination]
    first = world.begin()
    world.put(some_figures(rng, first, 12))
    assert world.run(destination) == "ended"
    for kind in KINDS[profile]:
        ways = (False, True) if kind == "data" else (rng.random() < 0.5,)
        for is_stored in ways if deed in SILENT else (False,):
            world.sandbox.change("bump_registration")  # so that each kind of message is spoken again
            world.sandbox.change("bump_dictionaries")
            world.put(some_figures(rng, first, 4))
            world.sandbox.misbehave(
                deed, kind, profile=profile, times=rng.choice([1, 2, 4]), is_stored=is_stored, **DEEDS[deed]
            )
            world.pass_time(61)
            assert world.run(destination) == "ended"
    world.settle(destination)
    assert world.faults(destination) == []


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("destination", DESTINATIONS)
def test_each_status_leaves_the_rows_to_be_sent_again(world: World, destination: str, status: int) -> None:
    first = world.begin()
    world.put(some_figures(random.Random(status), first, 12))
    world.sandbox.misbehave(
        "status", profile=DESTINATIONS[destination], times=3, is_stored=True, status=status, retry_after=7
    )
    assert world.run(destination) == "ended"
    world.settle(destination)
    assert world.faults(destination) == []


# ---------------------------------------------------------------- random misfortune
@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_any_schedule_of_faults_changes_and_kills_ends_with_the_marts_figures(world: World, seed: int) -> None:
    rng = random.Random(seed)
    destination = rng.choice(list(DESTINATIONS))
    profile = DESTINATIONS[destination]
    first = world.begin(rng.randrange(1, 22))
    world.sandbox.seed(seed)
    story: list[Any] = [destination, first]
    for _ in range(rng.randrange(2, 6)):
        changes = some_figures(rng, first, rng.randrange(12))
        for place in rng.sample(sorted(world.held), min(len(world.held), rng.randrange(3))):
            changes[place] = None if rng.random() < 0.3 else (world.held[place][0] + 1, True)
        world.put(changes)
        for _ in range(rng.randrange(3)):
            deed = rng.choice(list(DEEDS))
            order = {
                "times": rng.choice([1, 1, 2, 3, 6]),
                "skip": rng.randrange(3),
                "probability": rng.choice([1.0, 0.5]),
                "is_stored": deed in SILENT and rng.random() < 0.5,
                **DEEDS[deed],
            }
            kinds = rng.choice([["any"], [rng.choice(KINDS[profile])], ["data"]])
            world.sandbox.misbehave(deed, *kinds, profile=profile, **order)
            story.append((deed, kinds, order))
        dies_at = rng.randrange(1, 60) if rng.random() < 0.5 else None
        story.append((len(changes), dies_at, world.run(destination, dies_at=dies_at, seed=seed)))
        assert story[-1][-1] in ("ended", "killed"), story
        world.pass_time(rng.choice([1, 5, 61]))
    world.settle(destination)
    assert world.faults(destination) == [], story
