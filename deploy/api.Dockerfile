# The HTTP API, and with another command the keeper. There is no torch in it.
#
#   docker build -f deploy/api.Dockerfile -t impasto-api .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --env-file … impasto-api
#   docker run … impasto-api impasto keeper
#
# --build-arg VERSION=… and REVISION=… go into its labels; --secret id=pip.conf,src=… names a package index of your own.
# What it needs of the outside are the IMPASTO_… variables of docs/configuration.md; secrets come with them at run time,
# or as files in the folder that IMPASTO_SECRETS_DIR names.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
# What we stand on is installed by itself: a change of our own code then costs seconds, and a layer of 5 MB.
COPY pyproject.toml constraints.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > needed.txt \
 && python -m venv --without-pip /opt/impasto \
 && pip --python /opt/impasto install --no-cache-dir --disable-pip-version-check \
      --constraint constraints.txt --requirement needed.txt
COPY README.md LICENSE ./
COPY service service
COPY api api
COPY workers workers
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    pip --python /opt/impasto install --no-cache-dir --disable-pip-version-check \
      --constraint constraints.txt --no-deps --prefix /app .

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 impasto \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin impasto
COPY --from=build /opt/impasto /opt/impasto
COPY --from=build /app /opt/impasto
COPY deploy/healthy.py /opt/impasto/healthy.py
COPY deploy/deletion_cost.py /opt/impasto/deletion_cost.py
# Bytecode lies there from the installation; nothing is written but to /tmp.
ENV PATH="/opt/impasto/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    IMPASTO_ENVIRONMENT=production \
    IMPASTO_API_HOST=0.0.0.0 \
    IMPASTO_API_PORT=8000 \
    IMPASTO_WATCH_HOST=0.0.0.0 \
    IMPASTO_WATCH_PORT=9100 \
    IMPASTO_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "/opt/impasto/healthy.py"]
CMD ["impasto", "api"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Impasto API" \
      org.opencontainers.image.description="Neural style transfer as a rendering service: the HTTP API and the keeper" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
