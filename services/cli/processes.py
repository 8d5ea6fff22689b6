"""The service processes: which work each does and which settings it cannot do without."""

from functools import partial

from infra.process.settings import PUBLIC_TOKEN, Settings
from infra.process.world import World
from services.cli.http import http_work, with_health
from services.cli.presence import with_presence
from services.cli.service import SERVERS, serve

ACCOUNT = ("SINCH_SERVICE_PLAN_ID", "SINCH_API_TOKEN")
SIMULATOR_PORT = 3010
DEFAULT_ORIGINATOR = "15550100000"  # the sender where SINCH_NUMBER says none, as an account with a default has


def http() -> None:
    """Campaign API and webhook gateway on PORT."""
    from services.campaign.app import setup as campaign
    from services.webhook_gateway.app import setup as webhook_gateway

    serve("http", http_work(campaign, webhook_gateway), (*SERVERS, "PRIVACY_KEY", "WEBHOOK_TOKEN"))


def campaign() -> None:
    """Campaign API on PORT."""
    from services.campaign.app import setup

    serve("campaign", http_work(setup), (*SERVERS, "PRIVACY_KEY"))


def webhook_gateway(processes: int = 1, *, reuse_port: bool = False) -> None:
    """Webhook gateway on WEBHOOK_PORT, else PORT: in this process, or in several that it keeps running."""
    from services.webhook_gateway.app import setup

    needs = ("KAFKA_BOOTSTRAP_SERVERS", "PRIVACY_KEY", "WEBHOOK_TOKEN")
    if processes == 1:
        serve("webhook-gateway", http_work(setup, port=gateway_port, reuse_port=reuse_port), needs)
    else:
        from services.cli.replicas import replicas

        serve("webhook-gateway", replicas("webhook-gateway", processes, gateway_port), needs)


def gateway_port(settings: Settings) -> int:
    """Where the gateway listens when it runs apart."""
    return settings.port if settings.webhook_port is None else settings.webhook_port


def dispatcher() -> None:
    """Dispatcher, with health on METRICS_PORT."""
    from services.dispatcher.app import run

    # a callback address without the token would make the gateway answer 401, which Sinch never repeats
    serve("dispatcher", with_health(with_presence("dispatcher", run)), (*SERVERS, *ACCOUNT, "WEBHOOK_TOKEN"))


def projector(build: int | None = None, *, instead: bool = False) -> None:
    """Projector of one build of the tables, with health on METRICS_PORT.

    One that fills a build beside the current one is not missed when it ends, unless it runs instead of the other.
    """
    from services.projector.app import run

    work, beside = partial(run, build=build), build is not None and not instead
    serve("projector", with_health(work if beside else with_presence("projector", work)), SERVERS)


def simulate(host: str) -> None:
    """Sinch simulator on SIMULATOR_PORT of `host`."""
    serve("simulator", partial(_simulate, host=host), ())


async def _simulate(settings: Settings, world: World, host: str) -> None:
    from infra.sinch.simulator.server import run_simulator
    from infra.sinch.simulator.settings import SimulatorSettings

    token, secrets = settings.sinch_api_token, settings.sinch_webhook_secret
    account = SimulatorSettings(
        plan=settings.sinch_service_plan_id or PUBLIC_TOKEN,
        token=token.get_secret_value() if token else PUBLIC_TOKEN,
        webhook_secret=secrets[0].get_secret_value() if secrets else None,
        default_originator=settings.sinch_number or DEFAULT_ORIGINATOR,
        allowed_hosts=settings.allowed_hosts,
    )
    await run_simulator(account, host, settings.simulator_port or SIMULATOR_PORT, world)
