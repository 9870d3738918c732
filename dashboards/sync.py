"""Bring the dashboards in Superset to what the files here say. Twice is the same as once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg

from dashboards import assets as files
from dashboards.assets import DATABASE, AssetError, Assets
from dashboards.checks import column_faults, faults
from dashboards.client import SupersetClient, SupersetError
from dashboards.roles import ensure_viewer, ensure_viewer_role
from ingestion.settings import Settings, SettingsError, load

ADMIN_USER = "admin"


@dataclass(frozen=True)
class SyncReport:
    """What is in Superset now."""

    datasets: int
    charts: int
    dashboards: dict[str, str]
    """Title -> address."""


def sync(settings: Settings) -> SyncReport:
    """Check the files, import them with the warehouse's role bi, and set the viewers' rights.

    Raises AssetError when the files are unsound, before Superset is asked anything, and
    SupersetError when Superset refuses.
    """
    url = settings.url("bi")
    assets = prepared(url)
    with SupersetClient(
        settings.superset_url, ADMIN_USER, settings.secrets["NENGDUAN_SUPERSET_ADMIN_PASSWORD"]
    ) as client:
        client.import_assets(files.bundle(assets), {DATABASE: unquote(urlsplit(url).password or "")})
        found = _found(client, assets)
        role_id = ensure_viewer_role(client, _rights(assets[DATABASE]["database_name"], found))
        ensure_viewer(client, role_id, settings.secrets["NENGDUAN_SUPERSET_VIEWER_PASSWORD"])
    boards = [asset for path, asset in assets.items() if path.startswith("dashboards/")]
    return SyncReport(
        datasets=sum(path.startswith("datasets/") for path in assets),
        charts=sum(path.startswith("charts/") for path in assets),
        dashboards={
            board["dashboard_title"]: f"{settings.superset_url}/superset/dashboard/{board['slug']}/" for board in boards
        },
    )


def prepared(url: str) -> Assets:
    """The assets, checked against themselves and the warehouse, ready to be packed."""
    assets, labels = files.read(), files.read_labels()
    if found := faults(assets, labels):
        raise AssetError("\n".join(found))
    with psycopg.connect(url) as connection:
        if found := column_faults(assets, connection):
            raise AssetError("\n".join(found))
    return files.with_connection(files.complete(assets, labels), url)


def _found(client: SupersetClient, assets: Assets) -> dict[str, dict[str, Any]]:
    """What Superset has now of our datasets, charts and dashboards, by path; SupersetError when
    one of them is not there after an import that Superset called a success."""
    return {
        path: client.get(f"/api/v1/{kind.removesuffix('s')}/{asset['uuid']}")["result"]
        for path, asset in assets.items()
        if (kind := path.split("/")[0]) in ("datasets", "charts", "dashboards")
    }


def _rights(database: str, found: dict[str, dict[str, Any]]) -> set[str]:
    """Superset's names for the right to each dataset: database, dataset and its row id."""
    datasets = (row for path, row in found.items() if path.startswith("datasets/"))
    return {f"[{database}].[{row['table_name']}](id:{row['id']})" for row in datasets}


def main() -> None:
    """`nengduan sync-dashboards`: one line per dashboard, or one line per fault and exit 1."""
    try:
        report = sync(load())
    except (AssetError, SupersetError, SettingsError, psycopg.Error) as error:
        sys.exit(f"Dashboards are not synced: {error}")
    sys.stdout.write(f"Superset has {report.datasets} datasets, {report.charts} charts.\n")
    for title, address in report.dashboards.items():
        sys.stdout.write(f"{title}  {address}\n")


if __name__ == "__main__":
    main()
