"""The page 数据上传 and what it leads to: what is told of each platform, and that a platform's words stay words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from plugins.workbench.pages.uploads import Backlog
from tests.integration import upload_pages
from tests.integration.upload_pages import FURNACE, HOSTILE
from tests.integration.workbench_visits import GRANTS, PREFIX, SITE, let_in, plant, visiting

PAGES = ("uploads", "upload-exchanges", "upload-failures", "upload-coverage")


@pytest.fixture(scope="module", name="ids")
def fixture_ids(module_warehouse: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    with pytest.MonkeyPatch.context() as patch:
        let_in(patch)
        plant(tmp_path_factory.mktemp("plant"))
        yield upload_pages.leave()


@pytest.fixture(name="client")
def fixture_client(ids: dict[str, int]) -> Iterator[TestClient]:
    with visiting("viewer") as client:
        yield client


def page(client: TestClient, path: str, **query: str | int) -> str:
    answer = client.get(f"{PREFIX}/{path}", params=query)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


def shown(text: str) -> str:
    """A page's text without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", text)))


def section(text: str, name: str) -> str:
    found = re.search(rf'<section class="summary" id="{SITE}-{name}">.*?</section>', text, re.DOTALL)
    assert found is not None, name
    return found[0]


def told(text: str, key: str) -> str:
    found = re.search(rf'<dd data-key="{key}".*?</dd>', text, re.DOTALL)
    assert found is not None, key
    return shown(found[0]).strip()


def rows(text: str) -> list[str]:
    return re.findall(r"<tr(?: class=\"[^\"]*\")?>\s*<td.*?</tr>", text, re.DOTALL)


def test_each_platform_tells_its_run_its_exchange_and_its_backlog(client: TestClient) -> None:
    text = page(client, "uploads")
    good, bad = section(text, "good"), section(text, "bad")
    assert told(good, "profile") == "nhjc04"
    assert told(good, "url") == "https://good.example/api"
    assert told(good, "slot") == "每日 01:38:00（平台指定）"
    assert told(bad, "slot") == "每日 01:30（默认）"
    # 18:00 UTC is two in the morning of the next day at the plant.
    assert told(good, "run").startswith(
        "2026-03-02 02:00:00（定时）：发送 8 条，确认 6，失败 2，剩余 3，待质检 1；全部完成"
    )
    assert "尚未完成" in told(bad, "run")
    assert told(good, "exchange") == "2026-03-02 02:01:00 能耗数据：已接受，HTTP 200，代码 0，120 毫秒"
    assert told(good, "backlog") == "未上报 0 条，失败 0 条，已上报 5 条"
    assert told(good, "oldest") == "无"
    assert told(good, "overdue") == "0 天"
    assert told(bad, "backlog").startswith("未上报 4 条（其中 3 条等待重试，3 条已发送而未得到确认），失败 55 条")
    # The month of January ends before the days of February do, though day figures of it began later.
    assert told(bad, "oldest") == "月 2026-01-01 00:00:00"
    days = (datetime.now(UTC).astimezone().date() - date(2026, 2, 1)).days
    assert told(bad, "overdue") in {f"{days - 1} 天", f"{days} 天", f"{days + 1} 天"}
    assert "失败数据（55）" in shown(bad)


def test_overdue_counts_from_the_end_of_the_period_and_never_below_zero() -> None:
    def row(stat_type: int, oldest: str, due_from: str) -> dict[str, Any]:
        return {"status": 1, "stat_type": stat_type, "row_count": 2, "waiting_count": 1, "sent_count": 0,
                "oldest": datetime.fromisoformat(oldest), "due_from": date.fromisoformat(due_from)}  # fmt: skip

    month, day = row(2, "2026-02-01", "2026-03-01"), row(1, "2026-02-27", "2026-02-28")
    backlog = Backlog.of([month, day], date(2026, 3, 4))
    assert (backlog.oldest, backlog.days_overdue) == (("日", datetime(2026, 2, 27)), 4)
    assert backlog.counts == {1: 4, 2: 0, 3: 0}
    assert Backlog.of([month], date(2026, 2, 20)).days_overdue == 0
    assert Backlog.of([], date(2026, 2, 20)).oldest is None


def test_an_alarm_is_open_until_a_later_run_has_left_nothing(client: TestClient) -> None:
    text = page(client, "uploads")
    assert "早已过去" not in text
    bad = shown(section(text, "bad"))
    assert "2026-03-01 02:00:00 平台无应答：平台说：" in bad
    assert "旧的一次" not in bad, "one cause is told once, as it was last"


def test_differences_are_counted_and_the_first_shown(client: TestClient) -> None:
    bad = section(page(client, "uploads", site=SITE), "bad")
    assert "共 12 条，列出前 10 条" in shown(bad)
    assert len(rows(bad)) == 10
    assert "平台没有" in bad
    assert '<td data-key="value">无</td>' in bad, "what the platform has not is no 0"


def test_the_log_is_paged_and_filtered(client: TestClient) -> None:
    first = page(client, "upload-exchanges", site=SITE)
    assert len(rows(first)) == 50
    assert "第 1 页" in first
    second = page(client, "upload-exchanges", site=SITE, page=2)
    assert len(rows(second)) == 12
    assert "下一页" not in second
    assert len(rows(page(client, "upload-exchanges", site=SITE, destination="bad"))) == 1
    assert len(rows(page(client, "upload-exchanges", site=SITE, kind="data"))) == 2
    refused = page(client, "upload-exchanges", site=SITE, outcome="refused")
    assert "平台拒绝" in refused
    assert len(rows(refused)) == 1
    # Days are the plant's: 01:00 UTC of the tenth is nine in the morning there.
    assert len(rows(page(client, "upload-exchanges", site=SITE, first="2026-03-02", last="2026-03-02"))) == 2
    assert "没有" in shown(page(client, "upload-exchanges", site=SITE, last="2026-02-09"))
    kept = page(client, "upload-exchanges", site=SITE, kind="version")
    assert "kind=version" in unescape(kept)
    for wrong in ({"first": "昨天"}, {"page": "0"}, {"page": "9" * 9}):
        assert client.get(f"{PREFIX}/upload-exchanges", params={"site": SITE, **wrong}).status_code in (400, 422)


def test_one_exchange_is_shown_with_its_masked_bodies(client: TestClient, ids: dict[str, int]) -> None:
    text = page(client, "upload-exchange", site=SITE, id=ids["good"])
    assert '{"secretKey":"***"}' in shown(text)
    assert "已接受" in text
    assert client.get(f"{PREFIX}/upload-exchange", params={"site": SITE, "id": 10**18}).status_code == 404
    # An exchange of another site is not there, whatever site is named.
    assert client.get(f"{PREFIX}/upload-exchange", params={"site": SITE, "id": ids["theirs"]}).status_code == 404
    foreign = {"site": upload_pages.FOREIGN_SITE, "id": ids["theirs"]}
    assert client.get(f"{PREFIX}/upload-exchange", params=foreign).status_code == 403


def test_failed_figures_stand_with_their_reasons_and_lead_to_the_item(client: TestClient) -> None:
    text = page(client, "upload-failures", site=SITE, destination="bad")
    assert len(rows(text)) == 50
    assert f"ledgers/{SITE}/upload_items/detail?pk=%21{FURNACE}%21%252A" in text
    assert "电炉用电" in text
    detail = client.get(f"{PREFIX}/ledgers/{SITE}/upload_items/detail", params={"pk": f"!{FURNACE}!%2A"})
    assert detail.status_code == 200
    assert len(rows(page(client, "upload-failures", site=SITE, page=2))) == 5
    assert "没有" in shown(page(client, "upload-failures", site=SITE, destination="good"))
    assert len(rows(page(client, "upload-failures", site=SITE, q="电炉"))) == 50
    assert "没有" in shown(page(client, "upload-failures", site=SITE, q="焦炭"))


def test_a_platforms_words_stay_words(client: TestClient, ids: dict[str, int]) -> None:
    visits: list[tuple[str, dict[str, str | int]]] = [("uploads", {}), ("upload-exchanges", {"destination": "bad"}), ("upload-exchange", {"id": ids["bad"]}),
              ("upload-failures", {})]  # fmt: skip
    for path, query in visits:
        answer = client.get(f"{PREFIX}/{path}", params={"site": SITE, **query})
        assert "<script" not in answer.text, path
        assert "<img" not in answer.text, path
        assert "alert" in answer.text, path
        assert "{{ 7 * 7 }}" in answer.text, path
        assert "script-src" not in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert HOSTILE in unescape(page(client, "upload-exchange", site=SITE, id=ids["bad"]))
    for path in PAGES:
        answer = client.get(f"{PREFIX}/{path}", params={"site": SITE, "destination": HOSTILE[:60], "q": HOSTILE[:60]})
        assert answer.status_code == 200, path
        assert "<script" not in answer.text, path


def test_nobody_sees_another_site(client: TestClient) -> None:
    assert "theirs" not in page(client, "uploads")
    for user in GRANTS:
        with visiting(user) as visitor:
            for path in PAGES:
                answer = visitor.get(f"{PREFIX}/{path}", params={"site": upload_pages.FOREIGN_SITE})
                assert answer.status_code == 403, (user, path)
                assert "theirs" not in answer.text


def test_a_role_over_a_unit_is_told_that_uploads_are_the_whole_sites(ids: dict[str, int]) -> None:
    assert ids
    with visiting("keeper") as keeper:
        answer = keeper.get(f"{PREFIX}/uploads")
        assert answer.status_code == 403
        assert "全企业" in answer.text


def test_items_without_a_source_are_listed_with_why(client: TestClient) -> None:
    assert "还没有计算过" in page(client, "upload-coverage", site=SITE)
    upload_pages.cover()
    text = page(client, "upload-coverage", site=SITE)
    assert "共 3 个在用的数据项，2 个没有来源，其中必传的 1 个" in text
    found = [shown(row) for row in rows(text)]
    assert len(found) == 2
    assert all(word in found[0] for word in (FURNACE, "全部", "电炉用电", "实物量", "日、月", "能流 F2 还没有数据"))
    assert "没有填写能流或计算式" in found[1]
    assert "别家" not in text
    assert len(rows(page(client, "upload-coverage", site=SITE, show="all"))) == 3
