"""Item codes as platforms write them: hyphenated or plain, and in the parts that a declaration asks for."""

from __future__ import annotations

from functools import lru_cache

from ingestion.datacodes import DataCode, data_code

COMPOSITE = "0000"
"""Type of 综合能耗: figures in standard coal, converted already."""
CONVERTIBLE = {"01", "02", "03"}
"""Classes of energies and media: what has a coefficient to standard coal."""

CLASS_OF_COEFFICIENTS = {"05": "01", "06": "02", "07": "03"}
"""Classes of coefficients, and the class whose types they have."""
PARTS = {
    "processCode": ("工序", 2),
    "processUnitCode": ("工序单元", 2),
    "equipmentCode": ("设备类型", 2),
    "equipmentUnitCode": ("设备编号", 2),
    "energyClassCode": ("数据分类", 2),
    "energyTypeCode": ("数据种类", 4),
    "dataUsageCode": ("用途", 2),
}
"""The parts in their order, by the names of a declaration: what they are called, and their digits."""


class ItemCodeError(ValueError):
    """A text that is no item code."""


@lru_cache(maxsize=100_000)
def item_code(text: str) -> DataCode:
    """An item code, with or without its hyphens; raises ItemCodeError."""
    found = data_code(text)
    if found is None:
        raise ItemCodeError(f"采集项编码应为 16 位数字 PP-UU-EEMM-CCTTTT-YY：{text[:40]}")
    return found


@lru_cache(maxsize=100_000)
def hyphenated(text: str) -> str:
    """PP-UU-EEMM-CCTTTT-YY."""
    return str(item_code(text))


@lru_cache(maxsize=100_000)
def plain(text: str) -> str:
    """Sixteen digits."""
    return hyphenated(text).replace("-", "")


def scope(text: str) -> int:
    """What the zeros of a code say: 1 whole plant, 2 process, 3 process unit, 4 equipment."""
    return item_code(text).scope


def warning(text: str, declared_scope: int) -> str | None:
    """Where the zeros of a code contradict its scope. A real sample breaks this, so it is told, never refused."""
    contradiction = item_code(text).contradicts(declared_scope)
    return f"{hyphenated(text)}：{contradiction}" if contradiction else None


def parts(text: str) -> dict[str, str]:
    """The parts by the names of a declaration (upload-contract §2.4)."""
    code = item_code(text)
    return {
        "processCode": code.process,
        "processUnitCode": code.unit,
        "equipmentCode": code.equipment[:2],
        "equipmentUnitCode": code.equipment[2:],
        "energyClassCode": code.energy[:2],
        "energyTypeCode": code.energy[2:],
        "dataUsageCode": code.usage,
    }
