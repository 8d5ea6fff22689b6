"""Fates, reports and callbacks: what becomes of messages and who hears of it."""

from datetime import timedelta
from typing import Any

import pytest

from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.wire.signature import verify
from infra.sinch.wire.timestamps import moment, write
from tests.integration.sinch.desk import AT_ONCE, NEVER_YET, ONE, TWO, Desk, at_desk

FATES = {
    "12099990000": (0, "Delivered"),
    "12099990001": (0, "Expired"),
    "12099990002": (399, "Unknown"),
    "12099990003": (401, "Dispatched"),
    "12099990004": (257, "Deleted"),
    "12099990005": (321, "Rejected"),
    "12099991015": (15, "Failed"),
    "12099991413": (413, "Aborted"),
    "12099991407": (407, "Cancelled"),
    "12099992404": (404, "Aborted"),
    "12099991321": (321, "Rejected"),
    ONE: (0, "Delivered"),
}


def outcomes(report: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """The state of each number in a full report."""
    return {n: (line["code"], line["status"]) for line in report["statuses"] for n in line["recipients"]}


async def test_a_number_decides_its_fate(desk: Desk) -> None:
    """Every documented suffix, in the batch's report and in the number's own."""
    await desk.rules(delays=AT_ONCE)
    batch = await desk.send(*FATES)
    _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report?type=full")
    assert outcomes(report) == FATES
    for number, (code, status) in FATES.items():
        _, one = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report/{number}")
        assert (one["code"], one["status"]) == (code, status)


async def test_a_number_that_fails_once_is_delivered_the_next_time(desk: Desk) -> None:
    """Suffix 99992ccc, for tests of follow-ups."""
    await desk.rules(delays=AT_ONCE)
    reports = []
    for _ in range(2):
        batch = await desk.send("12099992404")
        reports.append((await desk.ask("GET", f"/batches/{batch['id']}/delivery_report/12099992404"))[1]["code"])
    assert reports == [404, 0]


async def test_rules_decide_shares_of_fates_the_same_way_each_time(desk: Desk) -> None:
    """Seeded: the same numbers fail in the same way; another seed chooses others."""
    numbers = [f"1555000{i}" for i in range(1000, 2000)]
    seen = []
    for seed in (7, 7, 8):
        await desk.control("POST", "/reset")
        await desk.rules(seed=seed, delays=AT_ONCE, fates=[{"share": 0.2, "code": 15}, {"share": 0.1, "never": True}])
        batch = await desk.send(*numbers)
        seen.append(outcomes((await desk.ask("GET", f"/batches/{batch['id']}/delivery_report?type=full"))[1]))
    assert seen[0] == seen[1] != seen[2]
    failed = sum(outcome == (15, "Failed") for outcome in seen[0].values())
    lost = sum(outcome == (401, "Dispatched") for outcome in seen[0].values())
    assert 150 < failed < 250
    assert 60 < lost < 140


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", {0, 15, 413}),
        ("&status=delivered", {0}),
        ("&code=15,413", {15, 413}),
        ("&status=Aborted,Failed&code=15", {15}),
    ],
)
async def test_a_batch_report_is_filtered(desk: Desk, query: str, codes: set[int]) -> None:
    """By statuses in any case and by codes, comma-separated."""
    await desk.rules(delays=AT_ONCE)
    batch = await desk.send(ONE, "12099991015", "12099991413")
    _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report?type=full{query}")
    assert {line["code"] for line in report["statuses"]} == codes
    assert report["total_message_count"] == 3


async def test_a_summary_names_nobody(desk: Desk) -> None:
    """The default type."""
    batch = await desk.send(ONE, TWO)
    _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report")
    assert report["statuses"] == [{"code": 401, "status": "Dispatched", "count": 2}]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("none/delivery_report", 404),
        ("{id}/delivery_report?type=report", 400),
        ("{id}/delivery_report/15559999999", 404),
    ],
)
async def test_a_report_that_is_not_there(desk: Desk, path: str, status: int) -> None:
    """Unknown batch, unknown type, a number that is no target."""
    batch = await desk.send()
    assert (await desk.ask("GET", "/batches/" + path.format(id=batch["id"])))[0] == status


async def test_finished_reports_are_listed(desk: Desk) -> None:
    """Last statuses only, filtered, paged."""
    await desk.rules(delays=AT_ONCE)
    await desk.send(ONE, TWO, "12099990003", client_reference="a")
    await desk.send(ONE, "12099991015", client_reference="b")
    _, listed = await desk.ask("GET", "/delivery_reports?page_size=3")
    assert (listed["count"], listed["page_size"]) == (4, 3)
    assert (await desk.ask("GET", "/delivery_reports?client_reference=a"))[1]["count"] == 2
    assert (await desk.ask("GET", "/delivery_reports?code=15"))[1]["count"] == 1
    assert (await desk.ask("GET", "/delivery_reports?status=Delivered"))[1]["count"] == 3


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("none", []),
        ("summary", ["delivery_report_sms"]),
        ("full", ["delivery_report_sms"]),
        ("per_recipient", ["Dispatched", "Delivered"]),
        ("per_recipient_final", ["Delivered"]),
    ],
)
async def test_every_mode_calls_back_as_it_should(desk: Desk, mode: str, words: list[str]) -> None:
    """None, once for the batch, for each status, for the last one; each has the reference."""
    await desk.send(delivery_report=mode, client_reference="r")
    await desk.advance(60)
    assert sorted(c.get("status", c["type"]) for c in desk.callbacks) == sorted(words)
    assert {c["client_reference"] for c in desk.callbacks} <= {"r"}


async def test_queued_callbacks_come_when_the_rules_say_so(desk: Desk) -> None:
    """Whether Sinch sends them is not documented."""
    await desk.rules(callbacks={"queued": True}, delays=AT_ONCE)
    await desk.send(delivery_report="per_recipient")
    assert {c["status"] for c in await desk.came(3)} == {"Queued", "Dispatched", "Delivered"}


async def test_reports_show_parts_only_when_parts_are_limited(desk: Desk) -> None:
    """And code 411 when the limit is exceeded."""
    await desk.rules(delays=AT_ONCE)
    short = await desk.send(max_number_of_message_parts=1)
    long = await desk.send(body="a" * 161, max_number_of_message_parts=1)
    _, good = await desk.ask("GET", f"/batches/{short['id']}/delivery_report/{ONE}")
    _, bad = await desk.ask("GET", f"/batches/{long['id']}/delivery_report/{ONE}")
    assert (good["number_of_message_parts"], bad["code"], bad["status"]) == (1, 411, "Aborted")


async def test_an_unmatched_parameter_stops_its_number_only(desk: Desk) -> None:
    """Code 405; numbers match with and without plus."""
    await desk.rules(delays=AT_ONCE)
    batch = await desk.send(ONE, TWO, body="Hi ${name}", parameters={"name": {"+" + ONE: "Ada"}})
    _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report?type=full")
    assert outcomes(report) == {ONE: (0, "Delivered"), TWO: (405, "Aborted")}


async def test_the_plans_rate_delays_and_expires() -> None:
    """New batches are accepted at once and wait; what waits past its expiry ends with 406."""
    async with at_desk(SimulatorSettings(messages_per_second=10)) as slow:
        await slow.rules(delays=AT_ONCE)
        numbers = [f"1555000{i}" for i in range(1000, 2000)]
        first = await slow.send(*numbers)
        second = await slow.send(ONE, expire_at=_soon(await slow.control("GET", "/clock"), 60))
        _, one = await slow.ask("GET", f"/batches/{second['id']}/delivery_report/{ONE}")
        assert one["status"] == "Queued"
        await slow.advance(50)
        _, report = await slow.ask("GET", f"/batches/{first['id']}/delivery_report")
        delivered = next(line["count"] for line in report["statuses"] if line["code"] == 0)
        assert 490 <= delivered <= 510
        await slow.advance(60)
        _, one = await slow.ask("GET", f"/batches/{second['id']}/delivery_report/{ONE}")
        assert (one["code"], one["status"]) == (406, "Aborted")


def _soon(clock: dict[str, str], seconds: int) -> str:
    """So many seconds after the simulated now."""
    return write(moment(clock["now"]) + timedelta(seconds=seconds))


async def test_a_message_on_its_way_at_its_expiry_is_expired(desk: Desk) -> None:
    """The network gave up; the status is Expired."""
    await desk.rules(delays={"final": {"min": 400_000, "max": 400_000}})
    batch = await desk.send()
    await desk.advance(3 * 86_400 + 1)
    _, one = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report/{ONE}")
    assert one["status"] == "Expired"


async def test_callbacks_are_retried_with_doubling_intervals(desk: Desk) -> None:
    """5, 10, 20 s after each failed try, the same bytes, until the answer is good; three days pass in a moment."""
    await desk.rules(delays=AT_ONCE)
    desk.answer = lambda _: 503 if len(desk.callbacks) < 4 else 200
    await desk.send(delivery_report="per_recipient_final")
    await desk.advance(3 * 86_400)
    tries = (await desk.control("GET", "/callbacks"))["callbacks"][::-1]
    assert [(one["number"], one["status"], one.get("retry_in")) for one in tries] == [
        (1, 503, 5), (2, 503, 10), (3, 503, 20), (4, 200, None),
    ]  # fmt: skip
    assert len({raw for _, raw in desk.raw}) == 1


async def test_a_callback_is_given_up_after_the_last_interval(desk: Desk) -> None:
    """15 retries, the last 81,920 s after the one before; then it is lost."""
    await desk.rules(delays=AT_ONCE)
    desk.answer = lambda _: 500
    await desk.send(delivery_report="per_recipient_final")
    await desk.advance(10 * 86_400)
    seen = await desk.control("GET", "/callbacks")
    assert (seen["tries"], seen["lost"]) == (16, 1)
    assert seen["callbacks"][1]["retry_in"] == 81_920


@pytest.mark.parametrize(
    ("status", "tries"), [(200, 1), (204, 1), (400, 1), (401, 1), (404, 1), (302, 1), (429, 2), (500, 2)]
)
async def test_which_answers_are_retried(desk: Desk, status: int, tries: int) -> None:
    """Only 429 and 5xx; any other 4xx loses the callback."""
    await desk.rules(delays=AT_ONCE)
    desk.answer = lambda _: status if len(desk.callbacks) == 1 else 200
    await desk.send(delivery_report="per_recipient_final")
    await desk.came(1)
    await desk.advance(6)
    assert len(desk.callbacks) == tries


async def test_nobody_listening_is_retried(desk: Desk) -> None:
    """A refused connection counts as temporary."""
    await desk.rules(delays=AT_ONCE)
    await desk.send(delivery_report="per_recipient_final", callback_url="http://127.0.0.1:1/")
    await desk.advance(16)
    seen = await desk.control("GET", "/callbacks")
    assert seen["tries"] == 3
    assert seen["callbacks"][0]["error"]


async def test_a_429_lowers_the_throughput(desk: Desk) -> None:
    """Half as many at a time."""
    await desk.rules(delays=AT_ONCE)
    desk.answer = lambda _: 429
    await desk.send(delivery_report="per_recipient_final")
    await desk.came(1)
    await desk.advance(0)
    assert (await desk.control("GET", "/state"))["callback_limit"] == 32


async def test_callbacks_are_doubled_lost_and_late_as_the_rules_say(desk: Desk) -> None:
    """Shares of them, the same ones in every run."""
    numbers = [f"1555000{i}" for i in range(1000, 1200)]
    await desk.rules(delays=AT_ONCE, callbacks={"duplicate": 0.2, "drop": 0.1, "reorder": 0.2})
    await desk.send(*numbers, delivery_report="per_recipient_final")
    await desk.advance(10)
    came = [c["recipient"] for c in desk.callbacks]
    missing = set(numbers) - set(came)
    assert 5 < len(missing) < 40
    assert 15 < len(came) - len(set(came)) < 65
    assert [n for n in dict.fromkeys(came) if n not in missing] != sorted(set(came))
    assert (await desk.control("GET", "/callbacks"))["dropped"] == len(missing)


async def test_callbacks_are_signed_when_there_is_a_secret() -> None:
    """With a retry under the signature of its first try."""
    async with at_desk(SimulatorSettings(webhook_secret="secret")) as desk:
        await desk.rules(delays=AT_ONCE)
        desk.answer = lambda _: 500 if len(desk.callbacks) == 1 else 200
        await desk.send(delivery_report="per_recipient_final")
        await desk.came(1)
        await desk.advance(6)
        assert [verify(raw, headers, ["secret"]) for headers, raw in desk.raw] == [True, True]
        assert len({headers["x-sinch-webhook-signature-nonce"] for headers, _ in desk.raw}) == 1


async def test_callbacks_are_not_signed_without_a_secret(desk: Desk) -> None:
    """The headers are absent until the account has signing."""
    await desk.send(delivery_report="per_recipient_final")
    await desk.came(1)
    assert not any(name.lower().startswith("x-sinch") for name in desk.raw[0][0])


async def test_the_plans_own_address_is_used_when_the_batch_has_none() -> None:
    """For reports, and always for inbound messages."""
    async with at_desk(plan_url=True) as desk:
        await desk.rules(delays=AT_ONCE)
        await desk.send(delivery_report="per_recipient_final", callback_url=None)
        await desk.control("POST", "/inbound", {"from": ONE, "body": "STOP"})
        came = await desk.came(2)
    assert {c["type"] for c in came} == {"recipient_delivery_report_sms", "mo_text"}


async def test_nothing_changes_before_its_time(desk: Desk) -> None:
    """Delays are simulated time."""
    await desk.rules(delays=NEVER_YET)
    batch = await desk.send()
    path = f"/batches/{batch['id']}/delivery_report/{ONE}"
    await desk.advance(3590)
    before = (await desk.ask("GET", path))[1]["status"]
    await desk.advance(20)
    assert (before, (await desk.ask("GET", path))[1]["status"]) == ("Dispatched", "Delivered")
