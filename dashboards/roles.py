"""The role of those who only look, and its one user: dashboards and their data, no SQL, no edit."""

from __future__ import annotations

from typing import Any

from dashboards.client import SupersetClient, SupersetError

VIEWER_ROLE = "能耗查看"
VIEWER_USER = "viewer"

VIEWER_RIGHTS = frozenset(
    {
        ("can_read", "Dashboard"),
        ("can_read", "Chart"),
        ("can_read", "Dataset"),
        ("can_read", "CurrentUserRestApi"),
        ("can_read", "SecurityRestApi"),  # the CSRF token
        ("can_read", "Theme"),
        ("can_read", "DashboardFilterStateRestApi"),
        ("can_write", "DashboardFilterStateRestApi"),
        ("can_read", "DashboardPermalinkRestApi"),
        ("can_write", "DashboardPermalinkRestApi"),
        ("can_view_chart_as_table", "Dashboard"),
        ("can_dashboard", "Superset"),
        ("can_dashboard_permalink", "Superset"),
        ("can_csv", "Superset"),
        ("can_log", "Superset"),
        ("can_language_pack", "Superset"),
        ("can_time_range", "Api"),
        ("can_recent_activity", "Log"),
        ("can_userinfo", "UserDBModelView"),
        ("can_this_form_get", "ResetMyPasswordView"),
        ("can_this_form_post", "ResetMyPasswordView"),
        ("resetmypassword", "UserDBModelView"),
        ("menu_access", "Home"),
        ("menu_access", "Dashboards"),
    }
)
"""Superset's (permission, view) pairs; the right to each dataset comes on top."""


def ensure_viewer_role(client: SupersetClient, dataset_rights: set[str]) -> int:
    """The role's id; made when missing, its rights set to exactly ours. ``dataset_rights``
    are the names under which Superset keeps the right to a dataset."""
    wanted = VIEWER_RIGHTS | {("datasource_access", name) for name in dataset_rights}
    known = {
        (row["permission"]["name"], row["view_menu"]["name"]): row["id"]
        for row in client.rows("/api/v1/security/permissions-resources/")
    }
    if missing := sorted(wanted - set(known)):
        listed = ", ".join(f"{permission} on {view}" for permission, view in missing)
        raise SupersetError(f"Superset has no such right: {listed}")
    wanted_ids = {known[right] for right in wanted}
    role_id = _find(client, "/api/v1/security/roles/", "name", VIEWER_ROLE)
    if role_id is None:
        role_id = client.post("/api/v1/security/roles/", {"name": VIEWER_ROLE})["id"]
    granted = client.get(f"/api/v1/security/roles/{role_id}/permissions/")["result"]
    if {row["id"] for row in granted} != wanted_ids:
        path = f"/api/v1/security/roles/{role_id}/permissions"
        client.post(path, {"permission_view_menu_ids": sorted(wanted_ids)})
    return int(role_id)


def ensure_viewer(client: SupersetClient, role_id: int, password: str) -> None:
    """A user with that role; one that exists keeps its password, which its owner may have changed."""
    if _find(client, "/api/v1/security/users/", "username", VIEWER_USER) is not None:
        return
    user: dict[str, Any] = {
        "username": VIEWER_USER,
        "first_name": "查看",
        "last_name": "能耗",
        "email": f"{VIEWER_USER}@localhost",
        "active": True,
        "roles": [role_id],
        "groups": [],
        "password": password,
    }
    client.post("/api/v1/security/users/", user)


def _find(client: SupersetClient, path: str, key: str, value: str) -> int | None:
    return next((row["id"] for row in client.rows(path) if row[key] == value), None)
