"""The first two users of Airflow's FAB login, with the passwords of .env; may be run again.

`airflow users create` would show the password in the process list and leave that of an existing
user as it was.
"""

from __future__ import annotations

import os
import sys
from typing import Any

USERS = (
    ("admin", "管理员", "Admin", "NENGDUAN_AIRFLOW_ADMIN_PASSWORD"),
    ("viewer", "查看员", "Viewer", "NENGDUAN_AIRFLOW_VIEWER_PASSWORD"),
)
"""Name, shown name, role, and the variable with the password."""


def set_user(manager: Any, name: str, shown_name: str, role: str, password: str) -> None:
    """Make the user, or give an existing one the password it has now."""
    user = manager.find_user(username=name)
    if user is not None:
        if not manager.reset_password(user.id, password):
            raise SystemExit(f"Airflow refuses to set the password of {name}.")
    elif not manager.add_user(name, shown_name, "能端", f"{name}@localhost", manager.find_role(role), password):
        raise SystemExit(f"Airflow refuses to make the user {name}.")


def main() -> None:
    missing = [variable for *_, variable in USERS if not os.environ.get(variable)]
    if missing:
        raise SystemExit(f"Not set: {', '.join(missing)}")
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    @providers_configuration_loaded
    def set_users() -> None:
        with get_application_builder() as builder:
            for name, shown_name, role, variable in USERS:
                set_user(builder.sm, name, shown_name, role, os.environ[variable])

    set_users()
    sys.stdout.write(f"Airflow knows {', '.join(name for name, *_ in USERS)}.\n")


if __name__ == "__main__":
    main()
