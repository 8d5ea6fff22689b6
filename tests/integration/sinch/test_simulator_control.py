"""The simulator's own calls: rules, time, phones, and what it did."""

from typing import Any

import msgspec
import pytest

from infra.sinch.simulator.fixture import SimulatedSinch
from tests.integration.sinch.desk import AT_ONCE, ONE, TWO, Desk
from tests.waiting import until


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ({"callbacks": {"drop": 2}}, "$.callbacks.drop"),
        ({"faults": [{"kind": "explode"}]}, "$.faults[0].kind"),
        ({"fates": [{"share": 0.6, "code": 1}, {"share": 0.6, "code": 2}]}, "$.fates"),
        ({"fate": []}, "fate"),
        ({"delays": {"final": {"min": -1}}}, "$.delays.final.min"),
        ({"seed": "x"}, "$.seed"),
    ],
)
async def test_a_wrong_rule_is_a_clear_400(desk: Desk, rules: dict[str, object], where: str) -> None:
    """It says where, and the old rules stay."""
    await desk.rules(seed=5)
    with pytest.raises(AssertionError) as caught:
        await desk.rules(**rules)
    assert where in str(caught.value)
    assert (await desk.control("GET", "/rules"))["seed"] == 5


async def test_rules_are_shown_changed_and_taken_back(desk: Desk) -> None:
    """GET, PUT, DELETE, and a schema that names all of them."""
    default = await desk.control("GET", "/rules")
    await desk.rules(seed=9, number_fates=False)
    assert (await desk.control("GET", "/rules"))["number_fates"] is False
    assert await desk.control("DELETE", "/rules") == default
    schema = await desk.control("GET", "/rules/schema")
    assert set(schema["$defs"]["Rules"]["properties"]) == set(default)


async def test_time_moves_to_a_moment(desk: Desk) -> None:
    """`to` instead of `advance`; the past cannot be reached."""
    assert (await desk.control("POST", "/clock", {"to": "2027-01-01T00:00:00Z"}))["now"] >= "2027-01-01"
    with pytest.raises(AssertionError):
        await desk.control("POST", "/clock", {"to": "2020-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    "body", [{}, {"advance": "x"}, {"advance": -1}, {"advance": 1e12}, {"to": "soon"}, {"advance": True}]
)
async def test_a_wrong_time_is_refused(desk: Desk, body: dict[str, object]) -> None:
    """Nothing, words, the past, for ever."""
    with pytest.raises(AssertionError):
        await desk.control("POST", "/clock", body)


async def test_sends_are_counted_by_number(desk: Desk) -> None:
    """One entry a batch, each number once in it; the summary names those in more than one."""
    await desk.send(ONE, "+" + ONE, TWO, client_reference="a.0.1")
    await desk.send(ONE, client_reference="a.1.1")
    await desk.send(ONE, client_reference="b.0.1")
    sends = (await desk.control("GET", "/sends?client_reference_prefix=a."))["sends"]
    assert [(one["client_reference"], one["recipients"]) for one in sends] == [("a.0.1", [ONE, TWO]), ("a.1.1", [ONE])]
    assert await desk.control("GET", "/sends?summary=1") == {
        "batches": 3, "messages": 4, "recipients": 2, "evicted": 0,
        "sent_more_than_once": [{"recipient": ONE, "sends": 3}],
    }  # fmt: skip


async def test_fates_are_one_line_a_message(desk: Desk) -> None:
    """For tests that compare every status."""
    await desk.rules(delays=AT_ONCE)
    await desk.send(ONE, "12099991015", client_reference="a.0.1")
    await desk.send(TWO, client_reference="b.0.1")
    lines = await desk.control("GET", "/fates?client_reference_prefix=a.")
    assert [msgspec.json.decode(line) for line in lines.splitlines()] == [
        {"recipient": ONE, "status": "Delivered", "code": 0, "client_reference": "a.0.1"},
        {"recipient": "12099991015", "status": "Failed", "code": 15, "client_reference": "a.0.1"},
    ]


async def test_a_reset_forgets_everything(desk: Desk) -> None:
    """Batches, messages, rules, callbacks on their way, the moved clock."""
    desk.answer = lambda _: 500
    await desk.rules(seed=4)
    await desk.send(delivery_report="per_recipient_final")
    await desk.control("POST", "/inbound", {"from": ONE, "body": "STOP"})
    await desk.advance(86_400)
    await desk.control("POST", "/reset")
    state = await desk.control("GET", "/state")
    assert (state["batches_accepted"], state["inbounds"], state["agenda"], state["tries"]) == (0, 0, 0, 0)
    assert (await desk.control("GET", "/rules"))["seed"] == 1


async def test_a_phone_replies_to_whom_it_heard_from_last(desk: Desk) -> None:
    """`to` may be left out; a phone that nobody wrote to must say whom it means."""
    await desk.send(**{"from": "12065550199"})
    message = await desk.control("POST", "/inbound", {"from": "+" + ONE, "body": "Hello 👋"})
    assert (message["type"], message["from"], message["to"]) == ("mo_text", ONE, "12065550199")
    with pytest.raises(AssertionError):
        await desk.control("POST", "/inbound", {"from": TWO, "body": "Hello"})


async def test_inbound_messages_are_listed(desk: Desk) -> None:
    """Newest first, filtered by destination, paged, and by id."""
    sent = [await desk.control("POST", "/inbound", {"from": ONE, "to": to, "body": "x"}) for to in (TWO, "12345")]
    _, listed = await desk.ask("GET", "/inbounds")
    assert [one["id"] for one in listed["inbounds"]] == [one["id"] for one in sent[::-1]]
    assert (await desk.ask("GET", "/inbounds?to=12345,99"))[1]["count"] == 1
    assert await desk.ask("GET", f"/inbounds/{sent[0]['id']}") == (200, sent[0])
    assert (await desk.ask("GET", "/inbounds/none"))[0] == 404


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"body": "VGV4dA==", "udh": "050003"}, "mo_binary"),
        ({"body": {"subject": "S", "message": "M", "media": []}}, "mo_media"),
        ({"body": "", "client_reference": "r", "sent_at": "2026-01-01T00:00:00+01:00"}, "mo_text"),
    ],
)
async def test_other_kinds_of_inbound_messages(desk: Desk, fields: dict[str, object], kind: str) -> None:
    """Binary, media, a text with everything."""
    message = await desk.control("POST", "/inbound", {"from": ONE, "to": TWO} | fields)
    assert message["type"] == kind
    assert message["body"] == fields["body"]


async def test_the_page_and_its_phones(desk: Desk) -> None:
    """The page comes whole; phones show both directions."""
    await desk.rules(delays=AT_ONCE)
    await desk.send(body="Hi ${n}", parameters={"n": {"default": "you"}})
    await desk.control("POST", "/inbound", {"from": ONE, "body": "STOP"})
    phones = await desk.control("GET", "/phones?search=0001111")
    assert phones == {"phones": [ONE]}
    messages = (await desk.control("GET", f"/phones/{ONE}"))["messages"]
    assert [(one["direction"], one["text"]) for one in messages] == [("received", "Hi you"), ("sent", "STOP")]
    status, page = await desk.ask("GET", "/../../../")
    assert status == 200
    assert b"http://" not in page
    assert b"https://" not in page


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_of_others_may_not_call(desk: Desk, site: str) -> None:
    """A browser says where a request comes from."""
    desk.headers["Sec-Fetch-Site"] = site
    assert (await desk.ask("POST", "/../../../simulator/reset"))[0] == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"X-Forwarded-For": "192.0.2.1"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
    ],
)
async def test_its_own_calls_have_the_door_of_everything_open(desk: Desk, headers: dict[str, str], status: int) -> None:
    """A name of somebody else's, a tunnel, another page: none reads what was sent, and none replies STOP in a name."""
    desk.headers |= headers
    for method, path, body in (("GET", "/sends", None), ("POST", "/inbound", {"from": ONE, "to": TWO, "body": "STOP"})):
        assert (await desk.ask(method, f"/../../../simulator{path}", body))[0] == status
    if "Host" in headers:
        assert (await desk.ask("GET", "/batches"))[0] == 200  # Sinch's own calls have their token


async def test_nobody_reads_a_token_off_it(desk: Desk) -> None:
    """The tries of callbacks are shown without what proves them to the gateway."""
    await desk.rules(delays=AT_ONCE)
    await desk.send(callback_url=f"{desk.hook}?token=hunter2-hunter2&a=b", delivery_report="per_recipient_final")
    await desk.until(lambda: bool(desk.callbacks))
    tries: Any = {}

    async def shown() -> bool:
        nonlocal tries
        tries = await desk.control("GET", "/callbacks")
        return bool(tries["callbacks"])

    await until(shown, "the try is shown", within=20)
    assert tries["callbacks"][0]["url"] == f"{desk.hook}?token=•••&a=b"


async def test_a_link_from_elsewhere_may_be_followed(desk: Desk) -> None:
    """To the page, from a page of documentation."""
    desk.headers |= {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert (await desk.ask("GET", "/../../../"))[0] == 200


def test_the_fixture_gives_a_new_simulator_to_every_test(sinch_simulator: SimulatedSinch) -> None:
    """What a foreign test suite gets: an address, and calls that block."""
    sinch_simulator.rules(seed=3)
    message = sinch_simulator.inbound(ONE, "STOP", to=TWO)
    assert message["body"] == "STOP"
    assert sinch_simulator.sends() == []
    with pytest.raises(ValueError, match="callbacks"):
        sinch_simulator.rules(callbacks={"drop": 7})
    sinch_simulator.reset()
    assert sinch_simulator.advance(60) > "2020"
