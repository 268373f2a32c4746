# The HTTP API, and with another command the keeper. There is no torch in it.
#
#   docker build -f deploy/api.Dockerfile -t impasto-api .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --env-file … impasto-api
#   docker run … --health-cmd "python /opt/impasto/healthy.py keeper" impasto-api impasto keeper
#
# What it needs of the outside are the IMPASTO_… variables of docs/configuration.md; secrets come with them at run time.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service service
COPY api api
COPY workers workers
RUN python -m venv /opt/impasto \
 && /opt/impasto/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt . \
 && /opt/impasto/bin/pip uninstall --yes pip setuptools

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="Impasto API" \
      org.opencontainers.image.description="Neural style transfer as a rendering service: the HTTP API and the keeper" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 impasto \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin impasto
COPY --from=build /opt/impasto /opt/impasto
COPY deploy/healthy.py /opt/impasto/healthy.py
# Bytecode lies there from the installation; nothing is written but to /tmp.
ENV PATH="/opt/impasto/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    IMPASTO_ENVIRONMENT=production \
    IMPASTO_API_HOST=0.0.0.0 \
    IMPASTO_API_PORT=8000 \
    IMPASTO_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "/opt/impasto/healthy.py", "api"]
CMD ["impasto", "api"]
