"""`heliograph keys` as an operator types it: real commands, a real database, and an API that believes them."""

from functools import partial

from infra.kafka.log import KafkaConnection
from tests.integration.campaign.access.test_made_keys import _is, status
from tests.integration.campaign.conftest import Start
from tests.integration.projector.typed import heliograph
from tests.waiting import until


async def test_a_key_is_made_listed_and_taken_back(start: Start, kafka: KafkaConnection, database: str) -> None:
    """It is shown once and lets its holder in; the list shows it without the secret; revoked, it is refused."""
    client = await start()
    code, made = await heliograph(kafka, database, "keys", "create", "shop", "--scope", "read", "--region", "us")
    assert code == 0, made
    secret = next(line for line in made.splitlines() if line.startswith("hg_"))
    key = {"X-API-Key": secret}
    await until(partial(_is, client, {}, 401), "the API is closed to others", within=10)
    assert await status(client, key) == 200

    code, listed = await heliograph(kafka, database, "keys", "list")
    assert (code, "'shop'  valid  read" in listed, "region US" in listed, secret in listed) == (0, True, True, False)

    code, revoked = await heliograph(kafka, database, "keys", "revoke", "shop")
    assert (code, revoked.startswith("Revoked")) == (0, True)
    await until(partial(_is, client, key, 401), "it is refused", within=10)


async def test_what_cannot_be_done_is_told(kafka: KafkaConnection, database: str) -> None:
    """Exit code and words; nothing is made."""
    code, said = await heliograph(kafka, database, "keys", "create", "shop", "--expires", "2001-01-01T00:00:00Z")
    assert (code, "is not in the future" in said) == (2, True)
    code, said = await heliograph(kafka, database, "keys", "revoke", "shop")
    assert (code, "shop is no key in force." in said) == (1, True)
    assert "0 keys" in (await heliograph(kafka, database, "keys", "list"))[1]
