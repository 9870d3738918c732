"""Superset's configuration (SUPERSET_CONFIG_PATH). All that differs between machines, and every
secret, comes from the environment; nothing here has a default that would let anybody in.

Runs in Superset's own Python environment; imports nothing of ours.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is not set. `nengduan up` and docker-compose.yml set it for Superset.")
    return value


SECRET_KEY = _required("NENGDUAN_SUPERSET_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = _required("NENGDUAN_SUPERSET_DATABASE_URL")
GUEST_TOKEN_JWT_SECRET = _required("NENGDUAN_SUPERSET_GUEST_SECRET")
GLOBAL_ASYNC_QUERIES_JWT_SECRET = GUEST_TOKEN_JWT_SECRET  # unused, but its own default is public
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}

# ---- Language: Chinese, English on request.
BABEL_DEFAULT_LOCALE = "zh"
BABEL_DEFAULT_TIMEZONE = "Asia/Shanghai"
LANGUAGES = {"zh": {"flag": "cn", "name": "简体中文"}, "en": {"flag": "us", "name": "English"}}
APP_NAME = "能源端系统"
D3_FORMAT = {"decimal": ".", "thousands": ",", "grouping": [3], "currency": ["¥", ""]}
D3_TIME_FORMAT = {
    "dateTime": "%Y年%-m月%-d日 %A %X",
    "date": "%Y年%-m月%-d日",
    "time": "%H:%M:%S",
    "periods": ["上午", "下午"],
    "days": ["星期日", "星期一", "星期二", "星期三", "星期四", "星期五", "星期六"],
    "shortDays": ["周日", "周一", "周二", "周三", "周四", "周五", "周六"],
    "months": [f"{month}月" for month in ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")],
    "shortMonths": [f"{month}月" for month in range(1, 13)],
}
_corrections: dict[str, str] = yaml.safe_load(
    Path(__file__).with_name("translations_zh.yaml").read_text(encoding="utf-8")
)


def _correct_chinese(app: Any) -> None:
    """Lay our corrections over the catalogue that the browser gets."""
    from flask import jsonify, request
    from superset.translations.utils import get_language_pack

    pack = get_language_pack("zh") or {}
    pack["locale_data"]["superset"] |= {english: [chinese] for english, chinese in _corrections.items()}

    @app.before_request
    def language_pack() -> Any:
        """Answers before Superset's own view, which reads the file it ships with."""
        return jsonify(pack) if request.path == "/superset/language_pack/zh/" else None


FLASK_APP_MUTATOR = _correct_chinese
# Superset shows instants in UTC. Charts therefore run over `period_start`, the site's own wall
# clock without a zone, and never over `period_start_at`.
CSV_EXPORT = {"encoding": "utf-8-sig"}  # the mark that lets Excel read Chinese

# ---- What is on.
FEATURE_FLAGS = {
    "DASHBOARD_RBAC": True,
    "DRILL_BY": True,
    "DRILL_TO_DETAIL": True,
    "EMBEDDED_SUPERSET": False,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "ALERT_REPORTS": False,
}
ROW_LIMIT = 50_000
SUPERSET_WEBSERVER_TIMEOUT = int(timedelta(minutes=2).total_seconds())
FAB_API_SWAGGER_UI = False

# ---- Security.
WTF_CSRF_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = os.environ.get("NENGDUAN_SUPERSET_HTTPS", "") == "1"
ENABLE_PROXY_FIX = SESSION_COOKIE_SECURE  # HTTPS ends at a proxy in front
PERMANENT_SESSION_LIFETIME = timedelta(hours=12)
PREVENT_UNSAFE_DB_CONNECTIONS = True
# Pages load from this server alone: plants are offline, and Superset's own list lets its telemetry out.
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": SESSION_COOKIE_SECURE,
}
RATELIMIT_ENABLED = True  # log-ins: five a second (AUTH_RATE_LIMIT)
RATELIMIT_APPLICATION = "200 per second"  # a dashboard asks for dozens of charts at once
RATELIMIT_STORAGE_URI = os.environ.get("NENGDUAN_REDIS_URL") or "memory://"
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None

# ---- Caches: on disk for one machine, in Redis for more. Chart data are kept a minute only, so
# that a rebuilt mart shows soon. (Filter states stay in the metadata database, Superset's default.)
_redis = os.environ.get("NENGDUAN_REDIS_URL")
_folder = Path(os.environ.get("NENGDUAN_SUPERSET_CACHE") or Path.home() / "superset-cache")


def _cache(name: str, timeout: timedelta) -> dict[str, Any]:
    common = {"CACHE_DEFAULT_TIMEOUT": int(timeout.total_seconds()), "CACHE_KEY_PREFIX": f"superset_{name}_"}
    if _redis:
        return {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": _redis, **common}
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(_folder / name),
        "CACHE_THRESHOLD": 5_000,
        "CACHE_OPTIONS": {"mode": 0o600},
        **common,
    }


CACHE_CONFIG = _cache("metadata", timedelta(minutes=5))
DATA_CACHE_CONFIG = _cache("data", timedelta(minutes=1))
