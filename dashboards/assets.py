"""The dashboards as files: read them, complete them, pack them for Superset's import.

An asset's file name is its identity: its uuid is uuid5 of its path below ``assets/``, so a
file can be edited freely and Superset still knows it as the same database, dataset, chart
or dashboard. Chinese labels of columns and metrics come from ``labels.yaml`` alone.
"""

from __future__ import annotations

import io
import uuid
import zipfile
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

FOLDER = Path(__file__).resolve().parent / "assets"
LABELS = Path(__file__).resolve().parent / "labels.yaml"
DATABASE = "databases/warehouse.yaml"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://nengduan/dashboards/assets")
PASSWORD_MASK = "X" * 10
"""What Superset itself writes in place of a password; the real one travels beside the bundle."""

Asset = dict[str, Any]
Assets = dict[str, Asset]
"""Path below ``assets/`` -> the file's content."""


class AssetError(ValueError):
    """The asset files contradict themselves; each line of the message names one fault."""


def uuid_of(path: str) -> str:
    """The uuid of the asset in this file (path below ``assets/``, with forward slashes)."""
    return str(uuid.uuid5(NAMESPACE, path))


def read(folder: Path = FOLDER) -> Assets:
    """Every asset file as it is written, in a fixed order."""
    return {
        path.relative_to(folder).as_posix(): yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.yaml"))
    }


def read_labels(path: Path = LABELS) -> dict[str, dict[str, dict[str, str]]]:
    """Labels of columns and of metrics: name, and where it helps description and number format."""
    labels: dict[str, dict[str, dict[str, str]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return labels


def complete(assets: Assets, labels: dict[str, dict[str, dict[str, str]]]) -> Assets:
    """The assets with the Chinese names, descriptions and number formats put in."""
    completed = deepcopy(assets)
    for path, asset in completed.items():
        if not path.startswith("datasets/"):
            continue
        for column in asset["columns"]:
            label = labels["columns"][column["column_name"]]
            is_number = column["type"] == "NUMERIC"
            column |= {
                "verbose_name": label["name"],
                "description": label.get("description"),
                "is_dttm": column.get("is_dttm", False),
                "is_active": True,
                "groupby": not is_number,
                "filterable": True,
            }
        for metric in asset["metrics"]:
            label = labels["metrics"][metric["metric_name"]]
            metric |= {
                "verbose_name": label["name"],
                "description": label.get("description"),
                "d3format": label.get("format"),
            }
    return completed


def with_connection(assets: Assets, url: str) -> Assets:
    """The assets with the warehouse's address put in, its password masked."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    connected = deepcopy(assets)
    connected[DATABASE]["sqlalchemy_uri"] = (
        f"postgresql+psycopg2://{parts.username}:{PASSWORD_MASK}@{host}:{parts.port or 5432}{parts.path}"
    )
    return connected


def bundle(assets: Assets) -> bytes:
    """The zip that ``/api/v1/assets/import/`` takes: one root folder, which Superset strips."""
    files = {"metadata.yaml": {"version": "1.0.0", "type": "assets", "timestamp": datetime.now(UTC).isoformat()}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in (files | assets).items():
            archive.writestr(f"assets/{path}", yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    return buffer.getvalue()
