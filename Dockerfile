# One image; the command picks the service: campaign, webhook-gateway, dispatcher, projector, migrate, topics, simulate …
# Written for the classic builder too (no RUN --mount, no COPY --chmod), which docker-compose 1.29 uses.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock infra/images/lock_of_image.py infra/images/left_out.txt ./
# The lock is complete, so nothing is resolved; every file is compared with its hash; wheels only, nothing is compiled.
RUN python -m venv --without-pip /opt/heliograph \
 && python lock_of_image.py requirements.lock left_out.txt > image.lock \
 && python -m pip --python /opt/heliograph/bin/python install --require-hashes --no-deps --only-binary :all: -r image.lock
COPY pyproject.toml LICENSE README.md ./
COPY contracts contracts
COPY infra infra
COPY services services
# The backend is in the lock, so it is hashed like the rest; it leaves again. phonenumbers' descriptions of regions and
# carriers (39 MB) are only read by its modules geocoder, carrier and timezone, which we do not use.
RUN python -m pip --python /opt/heliograph/bin/python install --no-deps --no-build-isolation . \
 && python -m pip --python /opt/heliograph/bin/python uninstall --yes setuptools \
 && cd /opt/heliograph/lib/python3.11/site-packages \
 && rm -rf phonenumbers/geodata phonenumbers/carrierdata phonenumbers/tzdata \
 && find /opt/heliograph -name '*.pyi' -delete \
 && /opt/heliograph/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/heliograph

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Heliograph" \
      org.opencontainers.image.description="SMS campaigns on Sinch whose truth is a Kafka log" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base brings pip and programs that run as root whoever calls them: neither is needed any more. The user is given by
# number, so that Kubernetes can see that it is not root.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && python -m pip --disable-pip-version-check uninstall --yes --root-user-action ignore wheel setuptools pip \
 && groupadd --system --gid 10001 heliograph \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin heliograph
COPY --from=build /opt/heliograph /opt/heliograph
COPY infra/images/entrypoint.sh /usr/local/bin/heliograph-entrypoint
ENV PATH=/opt/heliograph/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    METRICS_PORT=9000 \
    LOG_FORMAT=json
USER 10001:10001
WORKDIR /opt/heliograph
EXPOSE 3000 9000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-Im", "infra.images.healthy"]
ENTRYPOINT ["heliograph-entrypoint"]
CMD ["--help"]
