# The daemon, with PostgreSQL and git. How to use it: docs/docker.md
ARG PYTHON=3.13-slim-trixie

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY alembic ./alembic
COPY sample_stories ./sample_stories
COPY systemd ./systemd
COPY src ./src
RUN python -m pip wheel --no-deps --wheel-dir /dist .
# Without pip: the environment that goes into the image can install nothing.
RUN python -m venv --without-pip /opt/venv \
    && wheel="$(echo /dist/storysync-*.whl)" \
    && python -m pip --python /opt/venv/bin/python install "${wheel}[postgres]"

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="storysync" \
      org.opencontainers.image.description="Keeps a SQL database equal to Markdown story files" \
      org.opencontainers.image.licenses="MIT"

# git tells which files were deleted on purpose. The stories belong to another user than the daemon, so git
# has to be told that it may read them. pg_dump makes the backups: as new as the server, it comes from the
# repository of PostgreSQL itself. No versions are pinned: Debian keeps only the newest of a release.
ARG POSTGRES=18
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends "postgresql-client-${POSTGRES}" \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*'

ARG UID=10001
ARG GID=10001
RUN groupadd --gid "${GID}" storysync \
    && useradd --uid "${UID}" --gid "${GID}" --no-log-init --no-create-home \
        --home-dir /var/lib/storysync --shell /usr/sbin/nologin storysync \
    && install --directory --owner storysync --group storysync --mode 0750 /var/lib/storysync \
    && install --directory --mode 0755 /stories

COPY --from=build /opt/venv /opt/venv
COPY docker/storysync /usr/local/bin/storysync

ENV PYTHONDONTWRITEBYTECODE=1 STORYSYNC_STATE_DIR=/var/lib/storysync
VOLUME /var/lib/storysync
WORKDIR /stories
USER ${UID}:${GID}
HEALTHCHECK --interval=1m --timeout=20s --start-period=2m --retries=3 CMD ["storysync", "health"]
ENTRYPOINT ["storysync"]
CMD ["run", "/stories"]
