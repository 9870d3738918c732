"""The ledger of what a site itself knows GB 17167 to ask for, declared: it takes the place of the seed's rows."""

from __future__ import annotations

from decimal import Decimal

from ingestion.declarations import Kind, Table
from ingestion.ledgers.tables import LEVELS, OPEN_FROM, REMARK, RETIRED_ON, VALID_TO, ZERO, _c

METERING_REQUIREMENTS = Table(
    "metering_requirements",
    "计量器具配备要求",
    "ledger",
    key=("standard", "category", "level"),
    aliases=("配备率要求", "能源计量器具配备率要求"),
    columns=(
        _c("standard", "标准号", "标准", required=True),
        _c("category", "能源种类", "种类", required=True),
        _c("level", "级别", "计量级别", kind=Kind.CHOICE, required=True, choices=LEVELS),
        _c(
            "required_rate_pct",
            "配备率要求",
            "配备率标准",
            "配备率",
            kind=Kind.DECIMAL,
            minimum=ZERO,
            maximum=Decimal(100),
        ),
        _c("accuracy_class", "准确度等级要求", "准确度等级"),
        _c("clause", "条款"),
        OPEN_FROM,
        VALID_TO,
        REMARK,
        RETIRED_ON,
    ),
)
