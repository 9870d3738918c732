"""One run of the bench: the yardstick, raw PostgreSQL, the platform, all on one server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from plugins.operations.progress import Progress
from tests.bench import baseline, queries, statements
from tests.bench.deliveries import Deliveries
from tests.bench.figures import MIB, Bound, Figure
from tests.bench.installation import Finished, Installation
from tests.bench.verification import verify
from tests.bench.yardstick import LateDay, Yardstick, write_yardstick

BASELINE = "raw COPY + window pass"
LOAD = "full load and build"
SLOT, SLOT_SQL = "new slot, Airflow", "new slot, Airflow: our SQL"
SLOT_LOAD, SLOT_LOAD_SQL = "new slot, nengduan load", "new slot, nengduan load: our SQL"
LATE, LATE_LOAD = "late meter-day, Airflow", "late meter-day, nengduan load"
SHORT = ", a tenth of the history"
KEPT_STATEMENTS = 8


@dataclass(frozen=True)
class Scale:
    """What is measured: meters × days, how many times, and which histories a slot is compared over."""

    meters: int
    days: int
    seed: int
    repetitions: int
    baseline_repetitions: int
    query_repetitions: int
    compares_histories: bool
    is_longer: bool
    """Compare with ten times the days in place of a tenth of them."""
    with_airflow: bool


@dataclass
class Outcome:
    """All figures by name, and what explains them."""

    figures: dict[str, Figure] = field(default_factory=dict)
    rows: int = 0
    rows_per_slot: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds of the full load by stage."""
    peaks: dict[str, int] = field(default_factory=dict)
    """Bytes at most, by Python process, during the full load."""
    tasks: dict[str, float] = field(default_factory=dict)
    """Seconds from the arrival of a slot to the end of each Airflow task, of the median repetition."""
    dearest: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """Statements that took longest: of the full load, and of a slot."""

    def add(
        self, name: str, values: list[float] | tuple[float, ...], bound: Bound | None = None, unit: str = "s"
    ) -> None:
        if values:
            self.figures[name] = Figure(name, tuple(values), unit, bound)


class Run:
    """A run in a folder of its own; ``measure`` does it all and leaves PostgreSQL and services stopped."""

    def __init__(self, folder: Path, scale: Scale, progress: Progress) -> None:
        self.folder, self.scale, self.progress = folder, scale, progress
        self.installation = Installation(folder)
        self.outcome = Outcome()

    def measure(self) -> Outcome:
        """Raises BenchError when a command fails or a sum is wrong; slow alone is no failure."""
        scale = self.scale
        other_days = scale.days * 10 if scale.is_longer else max(scale.days // 10, 3)
        try:
            with self.progress.step("Starting PostgreSQL"):
                self.installation.start_database()
            if scale.compares_histories and not scale.is_longer:
                self._other_history(other_days, SHORT)
            yardstick = self._write("year", scale.days, late_count=scale.repetitions * 2)
            self.outcome.rows, self.outcome.rows_per_slot = yardstick.rows, yardstick.rows_per_slot
            self._baseline(yardstick)
            self._year(yardstick)
            if scale.compares_histories and scale.is_longer:
                self._other_history(other_days, ", ten times the history")
        finally:
            with self.progress.step("Stopping everything"):
                self.installation.remove()
        self._add_bounds()
        return self.outcome

    def _other_history(self, days: int, label: str) -> None:
        """The same slots over another length of history, in a warehouse of its own that is dropped again."""
        yardstick = self._write("other", days, late_count=0)
        with self._warehouse("bench_other"):
            with self.progress.step(f"Loading {yardstick.rows:,} readings{label}"):
                self.installation.run("load", str(yardstick.package))
            address = self.installation.address("audit")
            verify(address, yardstick, 0, [])
            self._slots_by_load(yardstick, label)
            if self.scale.with_airflow:
                with self._services():
                    self._slots_by_airflow(yardstick, label)
            verify(address, yardstick, self._slot_count, [])
        shutil.rmtree(yardstick.package.parent.parent)

    def _year(self, yardstick: Yardstick) -> None:
        scale, outcome = self.scale, self.outcome
        by_load, by_airflow = yardstick.late_days[: scale.repetitions], yardstick.late_days[scale.repetitions :]
        with self._warehouse("bench"):
            with self.progress.step(f"Loading the yardstick of {yardstick.rows:,} readings"):
                loaded, outcome.dearest["full load"] = self._timed(yardstick.package)
            outcome.add(LOAD, [loaded.seconds], Bound(3, BASELINE))
            outcome.stages, outcome.peaks = loaded.stages, loaded.peaks
            outcome.add("peak memory of a Python process", [max(loaded.peaks.values()) / MIB], Bound(1024), "MiB")
            address = self.installation.address("audit")
            with self.progress.step("Verifying the marts"):
                verify(address, yardstick, 0, [])
            self._slots_by_load(yardstick, "")
            self._late_by_load(by_load)
            arrived = list(by_load)
            if scale.with_airflow:
                with self._services():
                    self._slots_by_airflow(yardstick, "")
                    self._late_by_airflow(by_airflow)
                arrived += by_airflow
            with self.progress.step("Asking the marts"):
                for name, seconds in queries.measure(self.installation.address("bi"), scale.query_repetitions).items():
                    outcome.add(name, seconds, Bound(0.3))
            with self.progress.step("Verifying the marts"):
                verify(address, yardstick, self._slot_count, arrived)

    @property
    def _slot_count(self) -> int:
        return self.scale.repetitions * (2 if self.scale.with_airflow else 1)

    def _write(self, name: str, days: int, late_count: int) -> Yardstick:
        with self.progress.step(f"Writing {self.scale.meters} meters × {days} days"):
            return write_yardstick(
                self.folder / name, meters=self.scale.meters, days=days, seed=self.scale.seed,
                slot_count=self.scale.repetitions * 2, late_count=late_count,
            )  # fmt: skip

    def _baseline(self, yardstick: Yardstick) -> None:
        with self.progress.step("Raw PostgreSQL: COPY and one window pass"):
            found = baseline.measure(
                str(self.installation.settings.admin_url), yardstick.readings, self.scale.baseline_repetitions
            )
        self.outcome.add("raw COPY", found.copy_seconds)
        self.outcome.add("raw window pass to hours", found.window_seconds)
        self.outcome.add(BASELINE, [sum(pair) for pair in zip(found.copy_seconds, found.window_seconds, strict=True)])

    def _slots_by_load(self, yardstick: Yardstick, label: str) -> None:
        seconds, spent = [], []
        for slot in yardstick.slots[: self.scale.repetitions]:
            with self.progress.step(f"A new slot by nengduan load{label}"):
                done, dearest = self._timed(slot)
            seconds.append(done.seconds)
            spent.append(sum(part for _, part in dearest))
            self.outcome.dearest[f"a slot{label}"] = dearest
        self.outcome.add(SLOT_LOAD + label, seconds)
        self.outcome.add(SLOT_LOAD_SQL + label, spent)

    def _late_by_load(self, late_days: list[LateDay]) -> None:
        seconds = []
        for late in late_days:
            with self.progress.step("A late meter-day by nengduan load"):
                seconds.append(self._timed(late.package)[0].seconds)
        self.outcome.add(LATE_LOAD, seconds, Bound(1, SLOT_LOAD))

    def _slots_by_airflow(self, yardstick: Yardstick, label: str) -> None:
        slots = yardstick.slots[self.scale.repetitions :]
        deliveries = Deliveries(self.installation, slots)
        found, spent = [], []
        for slot in slots:
            with self.progress.step(f"A new slot through Airflow{label}"), self.installation.admin() as connection:
                statements.reset(connection)
                found.append(deliveries.deliver(slot))
                spent.append(statements.read(connection, self._database).seconds)
        self.outcome.add(SLOT + label, [one.seconds for one in found], None if label else Bound(20))
        self.outcome.add(SLOT_SQL + label, spent, None if label else Bound(2))
        if not label:
            self.outcome.tasks = sorted(found, key=lambda one: one.seconds)[len(found) // 2].tasks

    def _late_by_airflow(self, late_days: list[LateDay]) -> None:
        packages = [late.package for late in late_days]
        deliveries = Deliveries(self.installation, packages)
        seconds = []
        for package in packages:
            with self.progress.step("A late meter-day through Airflow"):
                seconds.append(deliveries.deliver(package).seconds)
        self.outcome.add(LATE, seconds, Bound(1, SLOT))

    def _add_bounds(self) -> None:
        """A slot over the longer history against the same over the shorter one."""
        figures = self.outcome.figures
        for name in (SLOT, SLOT_LOAD):
            for label, is_shorter in ((SHORT, True), (", ten times the history", False)):
                if name in figures and name + label in figures:
                    longer, shorter = (name, name + label) if is_shorter else (name + label, name)
                    title = f"{name}: 10 × the history"
                    figures[title] = Figure(title, figures[longer].values, "s", Bound(1.1, shorter))

    def _timed(self, package: Path) -> tuple[Finished, list[tuple[str, float]]]:
        """`nengduan load` of a package, and the statements it took."""
        with self.installation.admin() as connection:
            statements.reset(connection)
            done = self.installation.run("load", str(package))
            return done, statements.read(connection, self._database).dearest

    @property
    def _database(self) -> str:
        return self.installation.environment["NENGDUAN_WAREHOUSE_DATABASE"]

    @contextmanager
    def _warehouse(self, name: str) -> Iterator[None]:
        self.installation.use_warehouse(name)
        yield
        self.installation.drop_warehouse(name)

    @contextmanager
    def _services(self) -> Iterator[None]:
        """Airflow and Superset as a plant runs them."""
        with self.progress.step("nengduan up"):
            self.installation.run("up", "--no-sample")
        yield
        self.installation.stop_services()
