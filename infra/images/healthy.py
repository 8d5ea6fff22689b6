"""The health check of the image: exit code 0 when the service in this container says that it is alive.

It asks for liveness, not readiness: whoever replaces unhealthy containers must not do so because Kafka is away.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

PORTS = ("METRICS_PORT", "WEBHOOK_PORT", "PORT")  # the service has one of them; the first that answers counts
TIMEOUT_SECONDS = 3.0
OK = 200


def healthy(environment: Mapping[str, str]) -> bool:
    """Whether `/healthz` answers 200 on one of the ports that the environment names."""
    ports = {environment.get(name, "").strip() for name in PORTS}
    return any(_alive(int(port)) for port in sorted(ports) if port.isdecimal() and port != "0")


def _alive(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if healthy(os.environ) else 1)
