"""Makes Superset's metadata, roles and administrator; may be done again after every upgrade.

Those who only look get their user and rights with the dashboards (dashboards.sync).


One process instead of the four commands of Superset's manual, which import the whole of it each
time. Runs in Superset's own Python environment, with the variables of superset_config.py and
NENGDUAN_SUPERSET_ADMIN_PASSWORD.
"""

import os
from typing import Any

ADMIN = "admin"


def set_admin(manager: Any, password: str) -> None:
    """Make the administrator, or give the existing one the password that the platform knows."""
    user = manager.find_user(username=ADMIN)
    if user is not None:
        manager.reset_password(user.id, password)
    elif not manager.add_user(ADMIN, "管理员", "能端", "admin@localhost", manager.find_role("Admin"), password):
        raise SystemExit("Superset refuses to make its administrator; its log says why.")


def main() -> None:
    password = os.environ.get("NENGDUAN_SUPERSET_ADMIN_PASSWORD")
    if not password:
        raise SystemExit("NENGDUAN_SUPERSET_ADMIN_PASSWORD is not set.")
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from flask_migrate import upgrade
        from superset import security_manager
        from superset.extensions import appbuilder

        print("migrating Superset's metadata", flush=True)  # noqa: T201
        upgrade(directory=os.path.join(app.root_path, "migrations"))  # noqa: PTH118
        print("setting permissions and roles", flush=True)  # noqa: T201
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        set_admin(security_manager, password)


if __name__ == "__main__":
    main()
