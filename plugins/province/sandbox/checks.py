"""What the platform asks of a row of data; a batch with one fault is refused whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from plugins.province.sandbox.dictionaries import Dictionaries
from plugins.province.sandbox.options import Options
from plugins.province.sandbox.store import Figure

STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
AHEAD = timedelta(minutes=5)
"""How far the sender's clock may be ahead of ours."""
VALUE = re.compile(r"-?[0-9]{1,22}(\.[0-9]{1,10})?")
"""What Decimal(32,10) holds, without an exponent."""
HYPHENATED = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4}-[0-9]{6}-[0-9]{2}")
PLAIN = re.compile(r"[0-9]{16}")
CLASSES = frozenset(f"{number:02d}" for number in range(1, 11))
FROZEN = "PERIOD_FROZEN"
ZEROS = {"1": slice(0, 10), "2": slice(2, 10), "3": slice(5, 10)}
"""Which part of PP-UU-EEMM-… is zero, by scope: of the plant, of a process, of a unit."""


class RowError(ValueError):
    """Why a row is refused."""


@dataclass
class Verdict:
    figures: list[Figure] = field(default_factory=list)
    faults: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """The refusal in one line: frozen where nothing else is wrong, else the first other fault."""
        other = next(((index, reason) for index, reason in self.faults.items() if reason != FROZEN), None)
        return FROZEN if other is None else f"第{other[0] + 1}条数据：{other[1]}"


def hyphenated(code: str) -> str:
    """PP-UU-EEMM-CCTTTT-YY of sixteen digits."""
    return f"{code[:2]}-{code[2:4]}-{code[4:8]}-{code[8:14]}-{code[14:]}"


def stamp(text: Any) -> datetime:
    """A time as platforms write it: `yyyy-MM-dd HH:mm:ss`, nothing else."""
    if isinstance(text, str) and STAMP.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:  # a 31 February
            pass
    raise RowError(f"时间格式不是yyyy-MM-dd HH:mm:ss：{text!r:.40}")


def period_end(stat_type: str, text: Any, interval_minutes: int) -> datetime:
    """The end of the period that begins at a statDate, which has to lie on the grid of its statistic."""
    start = stamp(text)
    if stat_type == "0":
        if start.second or start.minute % interval_minutes:
            raise RowError(f"statDate不在{interval_minutes}分钟的采集时刻上：{text}")
        return start + timedelta(minutes=interval_minutes)
    if start.hour or start.minute or start.second:
        raise RowError(f"statDate不是0点：{text}")
    if stat_type == "1":
        return start + timedelta(days=1)
    if stat_type == "2":
        if start.day != 1:
            raise RowError(f"statDate不是每月1日：{text}")
        return (start + timedelta(days=31)).replace(day=1)
    if (start.month, start.day) != (1, 1):
        raise RowError(f"statDate不是1月1日：{text}")
    return start.replace(year=start.year + 1)


def shortest(text: str) -> str:
    """One text for each number: 1.50 and 01.5 are 1.5, -0 is 0."""
    is_negative = text.startswith("-")
    whole, _, fraction = text.lstrip("-").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if is_negative and number != "0" else number


def code_fault(code: str, dictionaries: Dictionaries, config: Mapping[str, Any]) -> str | None:
    """What is wrong with a hyphenated code, for an enterprise that has declared its items."""
    kind, energy, usage, equipment = code[11:13], code[13:17], code[18:], code[6:8]
    if kind not in CLASSES:
        return f"采集数据类型{kind}不在字典中"
    if not dictionaries.knows_type(kind, energy):
        return f"类型{kind}的品种编码{energy}不在字典中"
    if usage not in dictionaries.codes["dataUsage"]:
        return f"用途编码{usage}不在字典中"
    if equipment not in dictionaries.codes["equipment"]:
        return f"设备类型编码{equipment}不在字典中"
    if code not in config:
        return "采集项未在配置中"
    return None


def zero_warning(code: str, scope: str) -> str | None:
    """A code whose zeros contradict its scope: a real platform takes such, so it is only told."""
    part = code[ZEROS[scope]] if scope in ZEROS else ""
    return f"{code}：与采集范围{scope}应为0的码段不符" if part.strip("0-") else None


class Checker:
    """The checks of one enterprise's batches; what it finds of codes and dates is kept, for they repeat."""

    def __init__(self, dictionaries: Dictionaries, items: Mapping[str, Any], input_types: str) -> None:
        self._dictionaries = dictionaries
        self._items = items
        self._input_types = frozenset(input_types)
        self._codes: dict[str, str | None] = {}
        self._ends: dict[tuple[str, Any, int], datetime] = {}

    def batch(
        self,
        rows: Sequence[Any],
        options: Options,
        now: datetime,
        is_frozen: Callable[[str], bool],
        reading: Reading,
    ) -> Verdict:
        """Judge a batch; ``now`` is the platform's local time."""
        verdict = Verdict()
        seen: set[tuple[str, int, str]] = set()
        for index, row in enumerate(rows):
            try:
                figure = self._figure(row, options, now, reading)
            except RowError as error:
                verdict.faults[index] = str(error)
                continue
            key = figure[:3]
            if key in seen:
                verdict.faults[index] = "同一批次内数据重复"
            elif is_frozen(figure.stat_date):
                verdict.faults[index] = FROZEN
            seen.add(key)
            if (warning := zero_warning(figure.data_code, figure.scope)) and warning not in verdict.warnings:
                verdict.warnings.append(warning)
            verdict.figures.append(figure)
        return verdict

    def _figure(self, row: Any, options: Options, now: datetime, reading: Reading) -> Figure:
        if not isinstance(row, dict):
            raise RowError("数据不是对象")
        code = reading.code(row.get("dataCode"))
        if code not in self._codes:
            self._codes[code] = code_fault(code, self._dictionaries, self._items)
        if fault := self._codes[code]:
            raise RowError(f"{fault}：{code}")
        value, stat_type, scope, input_type = (
            row.get(name) for name in ("dataValue", "statType", "scope", "inputType")
        )
        if not isinstance(value, str) or not VALUE.fullmatch(value) or len(value) > reading.value_length:
            raise RowError(f"dataValue不是有效数值：{value!r:.40}")
        if not isinstance(stat_type, str) or stat_type not in {"0", "1", "2", "3"}:
            raise RowError(f"statType不在0～3之内：{stat_type!r:.40}")
        if not isinstance(scope, str) or scope not in {"1", "2", "3", "4"}:
            raise RowError(f"scope不在1～4之内：{scope!r:.40}")
        if not isinstance(input_type, str) or input_type not in self._input_types:
            raise RowError(f"inputType不在字典中：{input_type!r:.40}")
        uploaded = self._end("upload", row.get("uploadDate"), options)
        if self._end(stat_type, row.get("statDate"), options) > uploaded:
            raise RowError(f"统计周期在uploadDate之前尚未结束：{row['statDate']}")
        if uploaded > now + AHEAD:
            raise RowError(f"uploadDate晚于平台时间：{row['uploadDate']}")
        return Figure(
            code,
            int(stat_type),
            row["statDate"],
            shortest(value),
            input_type,
            scope,
            reading.valid(row.get("valid")),
            reading.ratio(row),
            row["uploadDate"],
        )

    def _end(self, stat_type: str, text: Any, options: Options) -> datetime:
        if not isinstance(text, str):
            raise RowError(f"时间格式不是yyyy-MM-dd HH:mm:ss：{text!r:.40}")
        key = (stat_type, text, options.interval_minutes)
        end = self._ends.get(key)
        if end is None:
            if len(self._ends) > 100_000:
                self._ends.clear()
            end = stamp(text) if stat_type == "upload" else period_end(stat_type, text, options.interval_minutes)
            self._ends[key] = end
        return end


@dataclass(frozen=True)
class Reading:
    """How a profile writes what the profiles write differently."""

    code: Callable[[Any], str]
    valid: Callable[[Any], bool]
    ratio: Callable[[Mapping[str, Any]], str | None]
    value_length: int


def flag(value: Any) -> bool:
    """`valid` as a digit: "0" valid, "1" not."""
    if value == "0":
        return True
    if value == "1":
        return False
    raise RowError(f"valid不是0或1：{value!r:.40}")


def hyphenated_code(text: Any) -> str:
    if not isinstance(text, str) or not HYPHENATED.fullmatch(text):
        raise RowError(f"dataCode格式不正确：{text!r:.40}")
    return text


def plain_code(text: Any) -> str:
    if not isinstance(text, str) or not PLAIN.fullmatch(text):
        raise RowError(f"dataCode格式不正确：{text!r:.40}")
    return hyphenated(text)
