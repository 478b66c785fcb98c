# syntax=docker/dockerfile:1
# dccd in a container, configured by environment variables only; its data are in the volume /data.
FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv --without-pip /opt/dccd
COPY requirements/run.txt requirements/
RUN python -m pip --python /opt/dccd/bin/python install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m pip --python /opt/dccd/bin/python install --no-deps --no-build-isolation . \
    && /opt/dccd/bin/python -m compileall -q /opt/dccd/lib

FROM python:3.13-slim-bookworm
ENV PATH=/opt/dccd/bin:$PATH PYTHONUNBUFFERED=1 \
    DCCD_STORAGE__LOCAL_PATH=/data
RUN groupadd --gid 10001 dccd \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin dccd \
    && install -d -o dccd -g dccd -m 0700 /data
COPY --from=build /opt/dccd /opt/dccd
USER 10001:10001
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=1m --timeout=10s --start-period=1m CMD ["dccd", "healthcheck"]
ENTRYPOINT ["dccd"]
CMD ["start"]
