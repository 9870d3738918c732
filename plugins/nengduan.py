"""Registers the platform with Airflow: links in the navigation, the Data Docs and the workbench behind its login.

Every Airflow process imports this module at its start: nothing heavy at module level.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from plugins.operations.quality_site import QualitySite
from plugins.workbench.app import Workbench

QUALITY_PREFIX = "/nengduan/quality"
WORKBENCH_PREFIX = "/nengduan/workbench"
DASHBOARD_PATH = "/superset/dashboard/energy-performance/"


def dashboard_url() -> str:
    """The dashboard as a browser reaches it; behind a proxy NENGDUAN_SUPERSET_PUBLIC_URL names it."""
    port = os.environ.get("NENGDUAN_SUPERSET_PORT") or "8088"
    base = os.environ.get("NENGDUAN_SUPERSET_PUBLIC_URL") or f"http://127.0.0.1:{port}"
    return base.rstrip("/") + DASHBOARD_PATH


class NengduanPlugin(AirflowPlugin):
    """What Airflow shows and serves of ours."""

    name = "nengduan"
    fastapi_apps: list[Any] = [  # noqa: RUF012 (Airflow reads it so)
        {"app": QualitySite(), "url_prefix": QUALITY_PREFIX, "name": "nengduan-quality"},
        {"app": Workbench(), "url_prefix": WORKBENCH_PREFIX, "name": "nengduan-workbench"},
    ]
    external_views: list[Any] = [  # noqa: RUF012
        {"name": "能耗实绩", "href": dashboard_url(), "destination": "nav"},
        {
            "name": "数据质量检查",
            "href": f"{QUALITY_PREFIX}/",
            "destination": "nav",
            "url_route": "quality",
        },
        {
            "name": "工作台",
            "href": f"{WORKBENCH_PREFIX}/",
            "destination": "nav",
            "url_route": "workbench",
        },
    ]
