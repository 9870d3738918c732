"""Alarm rules and a plant's own limits become ledgers with columns; their rows were kept whole until now.

A row goes over under its code, with the values that can be what its columns hold; whatever else it says stands beside
them in ``more``. The headings that are understood are frozen here: the declarations move on, this step does not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS = Path(__file__).with_suffix(".sql")
REASON = "预警规则和自定义限额改为有列的台账"

CODE = re.compile(r"[A-Za-z0-9_.-]{1,63}")
"""A code; 64 characters are the digest by which rows without one were known."""
TEXTS: dict[str, dict[str, tuple[str, ...]]] = {
    "alarm_rules": {
        "rule_code": ("规则编码", "规则编号", "编码", "编号"),
        "name": ("规则名称", "名称"),
        "figure": ("监测指标", "指标", "监测量"),
        "unit": ("单位", "指标单位"),
        "remark": ("备注", "说明"),
    },
    "limits_custom": {
        "indicator_code": ("指标编码", "指标编号", "编码", "编号"),
        "name": ("指标名称", "指标", "名称"),
        "numerator": ("分子", "分子表达式"),
        "denominator": ("分母", "分母表达式"),
        "unit": ("单位", "指标单位"),
        "standard": ("标准号", "标准", "依据"),
        "remark": ("备注", "说明"),
    },
}
NUMBERS: dict[str, dict[str, tuple[str, ...]]] = {
    "alarm_rules": {"warn_value": ("预警值",), "alarm_value": ("报警值",)},
    "limits_custom": {
        "limit_value": ("限定值", "限额", "限额值"),
        "access_value": ("准入值",),
        "advanced_value": ("先进值",),
    },
}
"""Columns that need no other to be understood, and the headings for them."""

KEPT_BACK = (
    "kind", "subject_kind", "subject_code", "comparison", "hysteresis", "duration_minutes", "active_shifts",
    "active_from", "active_to", "level", "recipients", "is_enabled", "valid_from", "valid_to", "retired_on",
    "product_code", "equipment_code", "org_code", "规则类型", "预警类型", "对象类型", "监测对象类型",
    "对象编码", "监测对象编码", "比较方式", "比较", "回差", "返回差", "持续时间", "持续分钟", "延时",
    "适用班次", "生效班次", "生效时段起", "时段开始", "生效时段止", "时段结束", "预警级别", "级别", "接收角色",
    "通知角色", "是否启用", "启用", "生效日期", "有效期起", "开始日期", "起始日期", "失效日期", "有效期止",
    "结束日期", "截止日期", "停用日期", "退出日期", "注销日期", "产品编码", "设备编码", "设备编号",
    "所属单位编码", "部门编码", "单位编码", "组织编码", "用能单元编码",
)  # fmt: skip
"""Headings of the other columns: what stands under them needs a person to read it, and is kept as 原…"""


def upgrade() -> None:
    op.execute(STATEMENTS.read_text(encoding="utf-8"))
    connection = op.get_bind()
    _sign(connection, "系统升级", REASON)
    for file in TEXTS:
        carry_over(connection, file)
    _sign(connection, "", "")
    op.execute("comment on table ledger.other_rows is 'Rows of upload_items that no column could hold.'")


def carry_over(connection: sa.Connection, file: str) -> None:
    """The rows of one file into its own table, and away from among the others."""
    key = next(iter(TEXTS[file]))
    kept = connection.execute(
        sa.text(
            "select site_code, row_key, row, retired_on, batch_id, recorded_at "
            "from ledger.other_rows where file = :file"
        ),
        {"file": file},
    ).all()
    read = [(row, *read_row(file, row.row)) for row in kept]
    for row, values, _ in read:
        values.setdefault(key, row.row_key)
    times = Counter((row.site_code, values[key]) for row, values, _ in read)
    for row, values, more in read:
        code = values[key]
        if not CODE.fullmatch(code) or times[row.site_code, code] > 1:
            if code != row.row_key:
                more[f"原{key}"] = code
            code = "ROW-" + hashlib.sha256(row.row_key.encode()).hexdigest()[:16]
        stored = values | {key: code, "name": values.get("name") or code, "more": json.dumps(more, ensure_ascii=False)}
        stored |= {name: getattr(row, name) for name in ("site_code", "retired_on", "batch_id", "recorded_at")}
        places = ", ".join(f"cast(:{name} as jsonb)" if name == "more" else f":{name}" for name in stored)
        statement = f"insert into ledger.{file} ({', '.join(stored)}) values ({places})"  # noqa: S608 - names of this file
        connection.execute(sa.text(statement), stored)
    connection.execute(sa.text("delete from ledger.other_rows where file = :file"), {"file": file})


def read_row(file: str, cells: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What of a row its columns can hold, and the rest by heading."""
    headings = {
        _fold(title): name
        for columns in (TEXTS[file], NUMBERS[file])
        for name, others in columns.items()
        for title in (name, *others)
    }
    foreign = {_fold(title) for title in KEPT_BACK}
    values: dict[str, Any] = {}
    more: dict[str, str] = {}
    for heading, cell in cells.items():
        if cell is None or not str(cell).strip():
            continue
        bare = re.sub(r"[(\[（【].*?[)\]）】]", "", heading)
        name = headings.get(_fold(heading)) or headings.get(_fold(bare))
        value = _number(str(cell)) if name in NUMBERS[file] else str(cell)
        if name and value is not None and name not in values:
            values[name] = value
        elif name or {_fold(heading), _fold(bare)} & foreign:
            more[f"原{heading}"] = str(cell)
        else:
            more[heading] = str(cell)
    return values, more


def _fold(title: str) -> str:
    return re.sub(r"[\s_*:\-]+", "", title).casefold()


def _number(cell: str) -> Decimal | None:
    try:
        number = Decimal(cell.replace(",", "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _sign(connection: sa.Connection, actor: str, reason: str) -> None:
    connection.execute(
        sa.text("select set_config('nengduan.actor', :actor, true), set_config('nengduan.reason', :reason, true)"),
        {"actor": actor, "reason": reason},
    )


def downgrade() -> None:
    raise RuntimeError("Going back would lose ledgers and their history; restore a backup instead.")
