"""Bring the dashboards in Superset to what the files here say. Twice is the same as once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
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
        role_id = ensure_viewer_role(client, _dataset_rights(client, assets))
        ensure_viewer(client, role_id, settings.secrets["NENGDUAN_SUPERSET_VIEWER_PASSWORD"])
        missing = _missing(client, assets)
    if missing:
        raise SupersetError(f"Superset said yes to the import but does not have: {', '.join(missing)}")
    boards = [asset for path, asset in assets.items() if path.startswith("dashboards/")]
    return SyncReport(
        datasets=sum(path.startswith("datasets/") for path in assets),
        charts=sum(path.startswith("charts/") for path in assets),
        dashboards={
            board["dashboard_title"]: f"{settings.superset_url}/superset/dashboard/{board['slug']}/"
            for board in boards
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


def _dataset_rights(client: SupersetClient, assets: Assets) -> set[str]:
    """Superset's names for the right to each of our datasets: database, dataset and its row id."""
    ours = {asset["uuid"] for path, asset in assets.items() if path.startswith("datasets/")}
    database = assets[DATABASE]["database_name"]
    return {
        f"[{database}].[{row['table_name']}](id:{row['id']})"
        for row in client.rows("/api/v1/dataset/")
        if row["uuid"] in ours
    }


def _missing(client: SupersetClient, assets: Assets) -> list[str]:
    """Paths of assets that Superset does not list after the import."""
    listed = {
        row["uuid"]
        for kind in ("database", "dataset", "chart", "dashboard")
        for row in client.rows(f"/api/v1/{kind}/")
        if "uuid" in row
    }
    return [path for path, asset in assets.items() if asset["uuid"] not in listed]


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
