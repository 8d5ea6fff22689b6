"""Keys that `heliograph keys` makes: from the moment they are there until they are taken back."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from infra.postgres.pool import Pool
from infra.process.access import ApiKey, NoKey, key_id
from infra.process.world import World
from services.campaign.access.key_ring import LAST_KNOWN_SECONDS, OLDEST_SECONDS, KeyRing
from services.campaign.access.key_store import KeyStore
from services.campaign.access.scopes import Scope
from services.campaign.problems import TryLater
from tests.integration.campaign.access.conftest import MakeKey
from tests.integration.campaign.conftest import ADA, HELLO, SEND, Client, Logged, Start
from tests.integration.campaign.relay import Relay
from tests.integration.campaign.test_refusals import check_problem
from tests.waiting import until

HERE = "/api/campaigns"
OF_SETTINGS = ApiKey.parse("web:open-sesame-forty")
OPT_OUT = f"/api/opt-outs/{ADA}"


async def status(client: Client, headers: dict[str, str], path: str = HERE) -> int:
    """What a look is answered with."""
    return (await client.get(path, headers=headers)).status


async def revoke(pool: Pool, headers: dict[str, str]) -> None:
    """As `heliograph keys revoke` does."""
    async with pool.acquire() as connection:
        assert await KeyStore(connection).revoke(key_id(headers["X-API-Key"]), "test")


async def test_the_first_key_closes_the_api(start: Start, make_key: MakeKey) -> None:
    """Without a restart, on every replica; and who has the key comes in."""
    clients = [await start(), await start()]
    assert [await status(client, {}) for client in clients] == [200, 200]
    key = await make_key()
    for client in clients:
        await until(partial(_is, client, {}, 401), "closed", within=10)
        assert await status(client, key) == 200


async def _is(client: Client, headers: dict[str, str], expected: int) -> bool:
    return await status(client, headers) == expected


async def test_a_revoked_key_is_refused_by_every_replica(start: Start, pool: Pool, make_key: MakeKey) -> None:
    """With its id and the moment, so that its owner knows. The API does not stand open again, also not after a restart."""
    key, clients = await make_key(), [await start(), await start()]
    assert [await status(client, key) for client in clients] == [200, 200]
    await revoke(pool, key)
    for client in [*clients, await start()]:
        await until(partial(_is, client, key, 401), "refused", within=10)
        answer: Any = await client.get(HERE, headers=key)
        detail = (await check_problem(answer, 401, "unauthorized"))["detail"]
        assert f"The key {key_id(key['X-API-Key'])} was revoked at " in detail
        assert await status(client, {}) == 401


async def test_a_look_that_is_older_than_a_second_is_not_believed(database: str, pool: Pool, make_key: MakeKey) -> None:
    """A request waits for the next look where the last one is old: with no look under way, nothing else would tell."""
    key, clock = await make_key(), Late()
    world = World(clock=clock)
    ring = KeyRing(database, (), world)
    await ring.load()
    await revoke(pool, key)
    clock.late = OLDEST_SECONDS + 0.1
    async with world.tasks.running("keys", ring.run()):
        await ring.fresh()
        found = ring.find(key["X-API-Key"])
    ring.close()
    assert found is not None
    assert found.revoked_at is not None


class Late(type(World().clock)):  # type: ignore[misc]  # the machine's own clock
    """The machine's clock, put forward by as much as is said."""

    late = 0.0

    def boot(self) -> float:
        """Later than it is."""
        return float(super().boot()) + self.late


async def test_without_a_database_the_last_known_keys_go_on_for_a_while(database: str, make_key: MakeKey) -> None:
    """Nothing can be revoked meanwhile, and opt-outs must be taken; after five minutes it is 503 and no guess, but for API_KEYS."""
    key, clock, relay = (await make_key())["X-API-Key"], Late(), Relay(database)
    await relay.open()
    world = World(clock=clock)
    ring = KeyRing(relay.dsn, (OF_SETTINGS,), world)
    await ring.load()
    await relay.close()
    async with world.tasks.running("keys", ring.run()):
        clock.late = OLDEST_SECONDS + 1
        await ring.fresh()
        assert ring.find(key) is not None
        clock.late = LAST_KNOWN_SECONDS + 1
        with pytest.raises(TryLater, match="cannot be checked"):
            ring.find(key)
        assert ring.find(OF_SETTINGS.secret.get_secret_value()) is not None
        await relay.open()
        await until(lambda: _is_known(ring, key), "the database is back", within=20)
    ring.close()
    await relay.close()


def _is_known(ring: KeyRing, key: str) -> bool:
    try:
        return ring.find(key) is not None
    except TryLater:
        return False


async def test_an_expired_key_is_refused(start: Start, make_key: MakeKey) -> None:
    """With the moment."""
    now = datetime.now(UTC)
    good, old = await make_key(expires_at=now + timedelta(days=1)), await make_key(expires_at=now)
    client = await start()
    assert await status(client, good) == 200
    answer: Any = await client.get(HERE, headers=old)
    assert "expired at" in (await check_problem(answer, 401, "unauthorized"))["detail"]


async def test_a_mistyped_key_is_told_as_that(start: Start, make_key: MakeKey) -> None:
    """Whoever copied all but the last letter need not look for a revocation."""
    key, client = await make_key(), await start()
    answer: Any = await client.get(HERE, headers={"X-API-Key": key["X-API-Key"][:-1]})
    assert "52 characters" in (await check_problem(answer, 401, "unauthorized"))["detail"]


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        (("GET", HERE), Scope.READ),
        (("GET", OPT_OUT), Scope.READ),
        (("POST", SEND), Scope.SEND),
        (("POST", f"{HERE}/01a209a3-e982-704d-ba49-2ddcb550edc8/cancel"), Scope.SEND),
        (("PUT", OPT_OUT), Scope.SEND),
        (("DELETE", OPT_OUT), Scope.ADMIN),
    ],
)
async def test_a_key_without_the_scope_is_refused(
    start: Start, make_key: MakeKey, logged: Logged, call: tuple[str, str], scope: Scope
) -> None:
    """403 that names the scope that lacks, with all other scopes; and with that scope alone it is not 403."""
    others, alone = await make_key(scopes=frozenset(Scope) - {scope}), await make_key(scopes=frozenset({scope}))
    client = await start()
    body = HELLO if call[1] == SEND else None
    answer: Any = await client.request(*call, json=body, headers=others)
    problem = await check_problem(answer, 403, "scope_missing")
    assert (problem["needed_scope"], f"`{scope}`" in problem["detail"]) == (scope, True)
    assert await logged() == []
    answer = await client.request(*call, json=body, headers=alone)
    assert answer.status in (200, 202, 404)


async def test_what_is_not_there_is_told_whatever_the_scopes(start: Start, make_key: MakeKey) -> None:
    """404 and 405, with a key; without one nothing is told."""
    key, client = await make_key(scopes=frozenset({Scope.READ})), await start()
    assert await status(client, key, "/api/nothing") == 404
    assert (await client.delete(SEND, headers=key)).status == 405
    assert await status(client, {}, "/api/nothing") == 401


async def test_numbers_are_of_the_keys_country(start: Start, make_key: MakeKey, logged: Logged) -> None:
    """Unless the request names another; a key goes before the setting, in opt-outs as well."""
    key, client = await make_key(default_region="GB"), await start(default_region="US")
    for number, more in (("020 7946 0958", {}), ("020 794 6095", {"default_region": "NL"})):
        body = {"recipients": [number], "message": "Hello"} | more
        assert (await client.post(SEND, json=body, headers=key)).status == 202
    assert sorted(event.recipients[0] for event in await logged()) == ["31207946095", "442079460958"]
    answer = await client.put("/api/opt-outs/02079460958", headers=key)
    assert (await answer.json())["phone"] == "+442079460958"


async def test_every_write_names_its_key(start: Start, pool: Pool, make_key: MakeKey, logged: Logged) -> None:
    """The campaign's row and record carry the key's id, and no part of its secret."""
    key, client = await make_key(), await start()
    await client.post(SEND, json=HELLO, headers=key)
    ids = {await pool.fetchval("select actor from campaign.campaigns"), *(event.actor for event in await logged())}
    assert ids == {key_id(key["X-API-Key"])}


async def test_a_use_is_noted_to_the_minute(database: str, pool: Pool, make_key: MakeKey) -> None:
    """For the list: a key that nobody uses can be taken back."""
    key, world = (await make_key())["X-API-Key"], World()
    ring = KeyRing(database, (), world)
    await ring.load()
    ring.find(key)
    async with world.tasks.running("keys", ring.run()):
        await until(lambda: pool.fetchval("select true from campaign.api_keys_used"), "noted", within=10)
    ring.close()
    used_at = await pool.fetchval("select used_at from campaign.api_keys_used where id = $1", key_id(key))
    assert (used_at.second, used_at.microsecond) == (0, 0)


async def test_an_api_that_can_be_reached_needs_a_key_to_start(start: Start, make_key: MakeKey) -> None:
    """One in the database does; one that was revoked as well, so that taking the last one back stops no restart."""
    with pytest.raises(NoKey, match="heliograph keys create"):
        await start(host="0.0.0.0")
    with pytest.raises(NoKey):
        await start(sinch_service_plan_id="plan", sinch_api_token="an-account-of-Sinch")
    key = await make_key()
    assert await status(await start(host="0.0.0.0"), key) == 200
