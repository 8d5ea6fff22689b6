"""The simulator's batches: what is accepted, shown, changed and cancelled, as Sinch does it."""

from typing import Any

import pytest

from infra.sinch.simulator.settings import SimulatorSettings
from tests.integration.sinch.desk import AT_ONCE, NEVER_YET, ONE, TWO, Desk, at_desk


async def test_the_reply_has_what_was_asked_and_the_defaults(desk: Desk) -> None:
    """Fields of the request, id, times, and defaults; absent fields stay absent."""
    batch = await desk.send("+" + ONE, callback_url=None)
    assert batch["to"] == [ONE]
    assert batch["modified_at"] == batch["created_at"]
    assert set(batch) == {
        "id", "to", "from", "canceled", "body", "type", "created_at", "modified_at", "delivery_report", "expire_at",
        "flash_message",
    }  # fmt: skip
    assert (batch["canceled"], batch["type"], batch["delivery_report"], batch["flash_message"]) == (
        False, "mt_text", "none", False,
    )  # fmt: skip


async def test_keys_of_parameters_are_echoed_with_their_plus(desk: Desk) -> None:
    """As in Sinch's own tests."""
    parameters = {"name": {"+" + ONE: "Ada"}}
    assert (await desk.send(body="${name}", parameters=parameters))["parameters"] == parameters


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"to": None}, 400, "syntax_constraint_violation"),
        ({"to": []}, 400, "syntax_constraint_violation"),
        ({"to": "15550001111"}, 400, "syntax_invalid_parameter_format"),
        ({"to": ["+1"]}, 400, "syntax_invalid_parameter_format"),
        ({"to": [15550001111]}, 400, "syntax_invalid_parameter_format"),
        ({"to": ["15550001111,15550002222"]}, 400, "syntax_invalid_parameter_format"),
        ({"to": ["1555000" + str(i) for i in range(1000, 2001)]}, 400, "syntax_constraint_violation"),
        ({"to": ["01FC66621XXXXX119Z8PMV1QPQ"]}, 403, "unknown_group"),
        ({"from": None}, 400, "syntax_constraint_violation"),
        ({"from": "way too long a name"}, 400, "syntax_invalid_parameter_format"),
        ({"body": None}, 400, "syntax_constraint_violation"),
        ({"body": "x" * 2001}, 400, "syntax_constraint_violation"),
        ({"type": "mt_fax"}, 400, "syntax_invalid_parameter_format"),
        ({"parameters": {"a b": {}}}, 400, "syntax_invalid_parameter_format"),
        ({"parameters": {"a" * 17: {}}}, 400, "syntax_constraint_violation"),
        ({"parameters": {"a": {"default": "x" * 161}}}, 400, "syntax_constraint_violation"),
        ({"parameters": {"a": {"me": "x"}}}, 400, "syntax_invalid_parameter_format"),
        ({"delivery_report": "always"}, 400, "syntax_invalid_parameter_format"),
        ({"delivery_report": "full", "callback_url": None}, 403, "missing_callback_url"),
        ({"send_at": "soon"}, 400, "syntax_invalid_parameter_format"),
        ({"expire_at": "2020-01-01T00:00:00Z"}, 400, "syntax_constraint_violation"),
        ({"expire_at": "2120-01-01T00:00:00Z"}, 400, "syntax_constraint_violation"),
        ({"callback_url": "callback url"}, 400, "syntax_invalid_parameter_format"),
        ({"callback_url": "ftp://example.invalid/"}, 400, "syntax_invalid_parameter_format"),
        ({"client_reference": "x" * 2049}, 400, "syntax_constraint_violation"),
        ({"flash_message": "yes"}, 400, "syntax_invalid_parameter_format"),
        ({"max_number_of_message_parts": 0}, 400, "syntax_constraint_violation"),
        ({"max_number_of_message_parts": "1"}, 400, "syntax_invalid_parameter_format"),
        ({"from_ton": 1}, 400, "syntax_constraint_violation"),
        ({"from_ton": 7, "from_npi": 1}, 400, "syntax_constraint_violation"),
        ({"type": "mt_binary", "body": "SGk="}, 400, "syntax_constraint_violation"),
        ({"type": "mt_binary", "body": "!", "udh": "00"}, 400, "syntax_invalid_parameter_format"),
        ({"type": "mt_binary", "body": "A" * 188, "udh": "00"}, 400, "syntax_constraint_violation"),
        ({"type": "mt_media", "body": "text"}, 400, "syntax_invalid_parameter_format"),
        ({"type": "mt_media", "body": {"message": "no url"}}, 400, "syntax_constraint_violation"),
        ({"to": ["12099990010"]}, 400, "syntax_invalid_parameter_format"),
    ],
)
async def test_a_wrong_field_is_refused(desk: Desk, fields: dict[str, Any], status: int, code: str) -> None:
    """With Sinch's status and code."""
    answer = await desk.ask("POST", "/batches", desk.request() | fields)
    assert (answer[0], answer[1]["code"]) == (status, code)


async def test_a_refused_number_is_named_by_its_place(desk: Desk) -> None:
    """In Sinch's words, which clients take the index from."""
    _, error = await desk.ask("POST", "/batches", desk.request(ONE, "+1"))
    assert error["text"] == (
        "The format of parameter 'to[1]' is invalid; value '+1' is not a valid MSISDN or group ID."
    )


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"type": "mt_binary", "body": "SGk=", "udh": "050003", "parameters": None}, "SGk="),
        ({"type": "mt_media", "body": {"url": "https://example.invalid/a.png", "message": "See"}}, None),
        ({"from": "ACME"}, "Hi"),
        ({"from": "12345"}, "Hi"),
        ({"tomorrow": {"is": "new"}}, "Hi"),
        ({"body": ""}, ""),
    ],
)
async def test_other_kinds_of_batches_are_accepted(desk: Desk, fields: dict[str, Any], sent: str | None) -> None:
    """Binary, media, names and short codes, unknown fields, an empty text."""
    batch = await desk.send(**fields)
    assert sent is None or batch["body"] == sent


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": ""}, b"{}", 415),
        ({"Authorization": "Bearer wrong"}, b"{}", 401),
        ({"Authorization": ""}, b"{}", 401),
        ({}, b"{", 400),
        ({}, b"\xff", 400),
        ({}, b"[]", 400),
        ({}, b"[" * 100_000, 400),
        ({}, b'{"to":["\\ud800"]}', 400),
    ],
)
async def test_a_wrong_request_is_refused(desk: Desk, headers: dict[str, str], body: bytes, status: int) -> None:
    """Media type, token, JSON."""
    desk.headers |= headers
    assert (await desk.ask("POST", "/batches", body))[0] == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/batches/none", 404),
        ("GET", "/nothing", 404),
        ("PATCH", "/batches", 405),
        ("GET", "/batches?page_size=101", 400),
        ("GET", "/batches?page=-1", 400),
        ("GET", "/batches?page=" + "9" * 5000, 400),
        ("GET", "/batches?start_date=soon", 400),
        ("GET", "/batches?page=5", 200),
        ("GET", "/groups", 404),
    ],
)
async def test_paths_and_queries(desk: Desk, method: str, path: str, status: int) -> None:
    """Unknown paths, wrong methods, wrong pages; a page past the end is empty."""
    assert (await desk.ask(method, path))[0] == status


async def test_another_plan_is_not_ours(desk: Desk) -> None:
    """The token is good for one plan."""
    assert (await desk.ask("GET", "/../another/batches"))[0] == 401


async def test_lists_are_paged_newest_first(desk: Desk) -> None:
    """`page_size` is what the page holds, `count` what there is."""
    ids = [(await desk.send(client_reference=f"r.{i}"))["id"] for i in range(3)]
    pages = [(await desk.ask("GET", f"/batches?page={n}&page_size=2"))[1] for n in range(3)]
    assert [(page["count"], page["page"], page["page_size"]) for page in pages] == [(3, 0, 2), (3, 1, 1), (3, 2, 0)]
    assert [batch["id"] for page in pages for batch in page["batches"]] == ids[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("client_reference=r.1", 1),
        ("client_reference=r", 0),
        ("from=12065550100,99", 2),
        ("from=%2B12065550101", 1),
        ("end_date=2020-01-01T00:00:00Z", 0),
        ("start_date=2120-01-01T00:00:00Z", 0),
        ("start_date=2020-01-01", 3),
    ],
)
async def test_lists_are_filtered(desk: Desk, query: str, found: int) -> None:
    """By reference (exact), by senders, by time."""
    for number, sender in enumerate(["12065550100", "12065550100", "12065550101"]):
        await desk.send(**{"client_reference": f"r.{number}", "from": sender})
    assert (await desk.ask("GET", f"/batches?{query}"))[1]["count"] == found


async def test_lists_go_back_a_day_unless_asked_and_14_days_at_most(desk: Desk) -> None:
    """The default window, the asked one, and the end of Sinch's memory."""
    batch = await desk.send(client_reference="r")
    counts = []
    for days in (2, 11, 2):
        await desk.advance(days * 86_400)
        asked = (await desk.ask("GET", "/batches?client_reference=r&start_date=2020-01-01T00:00:00Z"))[1]["count"]
        counts.append(((await desk.ask("GET", "/batches?client_reference=r"))[1]["count"], asked))
    assert counts == [(0, 1), (0, 1), (0, 0)]
    assert (await desk.ask("GET", f"/batches/{batch['id']}"))[0] == 404


async def test_a_scheduled_batch_can_be_changed(desk: Desk) -> None:
    """Numbers added and removed, fields changed, null resets; the id and the time of creation stay."""
    batch = await desk.send(ONE, send_at="2120-01-01T00:00:00Z", client_reference="r", expire_at="2120-01-02T00:00:00Z")
    changes = {"to_add": [TWO], "to_remove": [ONE], "body": "Hello", "expire_at": None, "tomorrow": 1}
    status, changed = await desk.ask("POST", f"/batches/{batch['id']}", changes)
    assert (status, changed["to"], changed["body"]) == (200, [TWO], "Hello")
    assert (changed["id"], changed["created_at"], changed["client_reference"]) == (
        batch["id"],
        batch["created_at"],
        "r",
    )
    assert changed["expire_at"] == "2120-01-04T00:00:00Z"


async def test_unsetting_send_at_sends_now(desk: Desk) -> None:
    """As Sinch's own SDK says."""
    batch = await desk.send(send_at="2120-01-01T00:00:00Z", delivery_report="per_recipient_final")
    await desk.ask("POST", f"/batches/{batch['id']}", {"send_at": None})
    assert (await desk.came(1))[0]["status"] == "Delivered"


async def test_a_replaced_batch_keeps_its_id_only(desk: Desk) -> None:
    """What is not in the new request is gone."""
    batch = await desk.send(send_at="2120-01-01T00:00:00Z", client_reference="r")
    _, replaced = await desk.ask("PUT", f"/batches/{batch['id']}", desk.request(TWO, send_at="2120-01-01T00:00:00Z"))
    assert (replaced["id"], replaced["created_at"], replaced["to"]) == (batch["id"], batch["created_at"], [TWO])
    assert "client_reference" not in replaced
    assert (await desk.ask("GET", "/batches?client_reference=r"))[1]["count"] == 0


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_dispatched_batch_cannot_be_changed(desk: Desk, method: str) -> None:
    """403 batch_already_dispatched."""
    batch = await desk.send()
    status, error = await desk.ask(method, f"/batches/{batch['id']}", desk.request())
    assert (status, error["code"]) == (403, "batch_already_dispatched")


async def test_a_cancelled_future_batch_has_an_empty_report(desk: Desk) -> None:
    """200 with the batch; nothing is ever sent."""
    batch = await desk.send(send_at="2120-01-01T00:00:00Z", delivery_report="full")
    status, cancelled = await desk.ask("DELETE", f"/batches/{batch['id']}")
    assert (status, cancelled["canceled"], cancelled["to"]) == (200, True, [ONE])
    _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report")
    assert (report["total_message_count"], report["statuses"]) == (0, [])


async def test_cancelling_stops_what_waits_in_the_queue() -> None:
    """What has gone out stays out; the rest ends with code 407."""
    async with at_desk(SimulatorSettings(messages_per_second=1)) as desk:
        await desk.rules(delays=AT_ONCE)
        numbers = [f"1555000{i}" for i in range(1000, 1010)]
        batch = await desk.send(*numbers)
        await desk.advance(3.2)
        await desk.ask("DELETE", f"/batches/{batch['id']}")
        _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report")
    counts = {line["code"]: line["count"] for line in report["statuses"]}
    assert counts[0] >= 3
    assert counts == {0: counts[0], 407: 10 - counts[0]}


async def test_a_cancelled_batch_that_was_sent_keeps_its_report(desk: Desk) -> None:
    """No change to a completed report."""
    await desk.rules(delays=AT_ONCE)
    batch = await desk.send()
    assert (await desk.ask("DELETE", f"/batches/{batch['id']}"))[0] == 200
    _, report = await desk.ask("GET", f"/batches/{batch['id']}/delivery_report/{ONE}")
    assert report["status"] == "Delivered"


async def test_feedback_needs_a_batch_that_asked_for_it(desk: Desk) -> None:
    """202 without a body, else 404."""
    good, other = await desk.send(feedback_enabled=True), await desk.send()
    assert await desk.ask("POST", f"/batches/{good['id']}/delivery_feedback", {"recipients": []}) == (202, None)
    assert (await desk.ask("POST", f"/batches/{other['id']}/delivery_feedback", {"recipients": []}))[0] == 404


async def test_a_dry_run_sends_nothing(desk: Desk) -> None:
    """It counts parts of every number, details of as many as asked."""
    request = desk.request(ONE, TWO, body="${x}", parameters={"x": {"+" + ONE: "a" * 160, "default": "я" * 71}})
    query = "per_recipient=True&number_of_recipients=1"
    _, reply = await desk.ask("POST", f"/batches/dry_run?{query}", request)
    assert (reply["number_of_recipients"], reply["number_of_messages"]) == (2, 3)
    assert reply["per_recipient"] == [
        {"recipient": ONE, "number_of_parts": 1, "body": "a" * 160, "encoding": "text"},
    ]
    assert (await desk.control("GET", "/sends"))["count"] == 0


async def test_a_repeated_number_is_sent_to_once(desk: Desk) -> None:
    """Unless the account says otherwise."""
    assert (await desk.send(ONE, "+" + ONE, TWO))["to"] == [ONE, TWO]


async def test_a_full_memory_refuses_with_429_and_finished_batches_make_room() -> None:
    """Memory is bounded by a setting."""
    async with at_desk(SimulatorSettings(memory_bytes=20_000)) as desk:
        await desk.rules(delays=NEVER_YET)
        answers = [(await desk.ask("POST", "/batches", desk.request()))[0] for _ in range(8)]
        assert (answers[0], answers[-1]) == (201, 429)
        await desk.advance(3601)
        assert (await desk.ask("POST", "/batches", desk.request()))[0] == 201
        assert (await desk.control("GET", "/sends"))["evicted"] > 0
