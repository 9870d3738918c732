"""Writes the sample plant as a plant package (contract §1): ledgers, ERP figures, readings."""

import gzip
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from tests.plants.kunming_steel import erp, instruments, ledgers, misery
from tests.plants.kunming_steel.instruments import QUALITY_NAMES, Series
from tests.plants.kunming_steel.misery import Recorded
from tests.plants.kunming_steel.real_data import real_kwh
from tests.plants.kunming_steel.simulation import Simulation, simulate
from tests.plants.kunming_steel.window import SITE_UTC_OFFSET_SECONDS, Window, window_for

SMALL_METERS = frozenset(
    {"M-E-001", "M-E-002", "M-E-101", "M-E-102", "M-E-103", "M-E-111", "M-E-131", "M-G-001", "M-G-101",
     "M-C-111", "M-K-001", "M-S-101", "M-W-001", "M-A-101", "M-O-001"}
)  # fmt: skip

# Files of ordinary readings, by the first letters of the meter code; the rest has files of its own.
FILE_PREFIXES = {
    "gas_steam_synthetic.parquet": ("M-G", "M-S"),
    "air_oxygen_synthetic.parquet": ("M-A", "M-O", "M-X"),
    "water_synthetic.csv.gz": ("M-W",),
    "coal_coke_synthetic.csv.gz": ("M-C", "M-K"),
}
GATEWAYS = ("M-E-001", "M-E-002")


def build(folder: Path, today: date, *, original_dates: bool = False) -> None:
    """Write the whole plant: 13 months and more that end yesterday, or 2017-12 to 2018-12."""
    window = window_for(today, original_dates=original_dates)
    _write(folder, window, {row["meter_code"] for row in ledgers.template("meters")})


def build_small(folder: Path, today: date, days: int = 14) -> None:
    """Write the last `days` days of some fifteen meters, for fast tests."""
    whole = window_for(today)
    _write(folder, replace(whole, start=today - timedelta(days=days)), SMALL_METERS)


def _write(folder: Path, window: Window, meter_codes: Collection[str]) -> None:
    simulation = simulate(window)
    simulation.by_meter["M-K-001"] = erp.delivered_quarters(simulation, erp.COKE)
    meters = [row for row in ledgers.template("meters") if row["meter_code"] in meter_codes]
    recorded = record(simulation, meters)
    folder.mkdir(parents=True, exist_ok=True)
    ledgers.write_ledgers(folder, window, set(meter_codes), recorded.events)
    for name, rows in (
        ("production", erp.production(simulation)),
        ("purchases", erp.purchases(simulation)),
        ("stocks", erp.stocks(simulation)),
    ):
        if rows:
            ledgers.write_table(folder / f"{name}.csv", rows)
    readings = folder / "readings"
    readings.mkdir(exist_ok=True)
    _write_readings(readings, window, recorded)


def record(simulation: Simulation, meters: Sequence[Mapping[str, str]]) -> Recorded:
    """What the meters show, troubles included."""
    window = simulation.window
    recorded = Recorded()
    for meter in meters:
        code, kind = meter["meter_code"], meter["reading_kind"]
        if kind == "interval":
            series = instruments.read_interval(simulation, meter)
        elif kind == "rate":
            series = instruments.read_rate(simulation, meter)
        elif kind == "manual":
            series = instruments.read_by_hand(simulation, meter, instruments.first_reading(meter))
        else:
            course = misery.stick(window, instruments.counter(simulation, code), code)
            first = instruments.first_reading(meter, misery.rollover_total(window, course, code))
            series = instruments.read_register(course, meter, first)
            series, events = misery.change_counter(window, meter, course, series, first)
            recorded.events += events
        if code in GATEWAYS:
            recorded.main[code] = series
        else:
            misery.disturb(window, series, recorded, is_register=kind == "register")
    recorded.main |= misery.unknown_meters(window)
    return recorded


def _write_readings(folder: Path, window: Window, recorded: Recorded) -> None:
    _write_real(folder / "real_incoming_electricity.csv.gz", window)
    real_bounds = window.epoch(window.real_first), window.epoch(window.real_last + timedelta(days=1))
    incoming, standby = (recorded.main[code] for code in GATEWAYS)
    idle = incoming.where((incoming.at <= real_bounds[0]) | (incoming.at > real_bounds[1]))
    write_series(folder / "incoming_electricity_synthetic.csv.gz", [idle, standby])
    is_manual = {code for code, series in recorded.main.items() if (series.quality == instruments.MANUAL).any()}
    write_series(
        folder / "manual_synthetic.csv",
        [recorded.main[code] for code in sorted(is_manual)],
        recorded.unreadable,
    )
    ordinary = {code: series for code, series in recorded.main.items() if code not in is_manual | set(GATEWAYS)}
    feeders = [series for code, series in ordinary.items() if code.startswith("M-E")]
    for year in range(window.start.year, window.end.year + 1):
        span = window.epoch(date(year, 1, 1)), window.epoch(date(year + 1, 1, 1))
        parts = [series.where(series.between(*span)) for series in feeders]
        if any(len(part) > len(parts) for part in parts):
            write_series(folder / f"electricity_{year}_synthetic.parquet", parts)
    for name, prefixes in FILE_PREFIXES.items():
        parts = [series for code, series in ordinary.items() if code.startswith(prefixes)]
        if parts:
            write_series(folder / name, parts)
    for name, parts in (
        ("late_synthetic.csv.gz", [series.where(slice(None, None, -1)) for series in recorded.late]),
        ("duplicates_synthetic.csv.gz", recorded.duplicates),
        ("corrections_synthetic.csv", recorded.corrections),
    ):
        if parts:
            write_series(folder / name, parts)


def _write_real(path: Path, window: Window) -> None:
    """The real readings with their exact decimal text, and no optional column."""
    ends = window.epoch(window.real_first) + 900 * np.arange(1, len(real_kwh()) + 1, dtype=np.int64)
    keep = (ends > window.epoch(window.start)) & (ends <= window.epoch(window.end))
    stamps = np.datetime_as_string((ends + SITE_UTC_OFFSET_SECONDS).astype("datetime64[s]"), unit="m")
    lines = ["meter_code,read_at,value"]
    lines += [
        f"{ledgers.REAL_METER},{stamp},{kwh}"
        for stamp, kwh, is_kept in zip(stamps, real_kwh(), keep, strict=True)
        if is_kept
    ]
    _write_packed(path, ("\n".join(lines) + "\n").encode("ascii"))


def write_series(path: Path, parts: Sequence[Series], unreadable: Sequence[tuple[str, int, str]] = ()) -> None:
    """One readings file. Parquet has typed columns with UTC instants, CSV local time with its offset."""
    at = np.concatenate([part.at for part in parts])
    lengths = [len(part) for part in parts]
    codes = pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), lengths)),
        pa.array([part.meter_code for part in parts]),
    )
    quality = pa.DictionaryArray.from_arrays(
        pa.array(np.concatenate([part.quality for part in parts])), pa.array(QUALITY_NAMES)
    )
    value = np.round(np.concatenate([part.value for part in parts]), instruments.DECIMALS)
    columns = {
        "meter_code": codes,
        "read_at": pa.array(at * 1000, pa.timestamp("ms", tz="UTC")),
        "value": pa.array(value + 0.0),
        "quality": quality,
        "revision": pa.array(np.concatenate([part.revision for part in parts])),
    }
    if path.suffix == ".parquet":
        pa.parquet.write_table(pa.table(columns), path, compression="zstd")
        return
    local = (at + SITE_UTC_OFFSET_SECONDS).astype("datetime64[s]")
    stamps = np.char.add(np.datetime_as_string(local, unit="s"), "+08:00")
    table = pa.table(
        {
            **columns,
            "meter_code": codes.dictionary_decode(),
            "read_at": pa.array(stamps),
            "quality": quality.dictionary_decode(),
        }
    )
    sink = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(quoting_style="none", include_header=False)
    pa.csv.write_csv(table, sink, options)
    content = (",".join(table.column_names) + "\n").encode() + sink.getvalue().to_pybytes()
    content += "".join(
        f"{code},{misery.local_text(moment)}+08:00,{text},manual,0\n" for code, moment, text in unreadable
    ).encode()
    if path.suffix == ".gz":
        _write_packed(path, content)
    else:
        path.write_bytes(content)


def _write_packed(path: Path, content: bytes) -> None:
    """gzip without name and time, so that the same content is the same file."""
    with path.open("wb") as file, gzip.GzipFile("", "wb", 2, file, mtime=0) as packed:
        packed.write(content)
