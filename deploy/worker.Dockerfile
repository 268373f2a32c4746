# The worker: Celery and the painter. torch brings CUDA's libraries; the host brings the driver and its container toolkit.
#
#   docker build -f deploy/worker.Dockerfile -t impasto-worker .
#   docker run --rm -v weights:/weights impasto-worker impasto weights pull vgg16
#   docker run --gpus all --read-only --tmpfs /tmp --shm-size 256m --cap-drop ALL --security-opt no-new-privileges \
#       -v weights:/weights:ro --stop-timeout 60 --env-file … impasto-worker
#
# What it needs of the outside are the IMPASTO_… variables of docs/configuration.md; secrets come with them at run time.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY service service
COPY api api
COPY workers workers
RUN python -m venv /opt/impasto \
 && /opt/impasto/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[worker]' \
 && install --directory --owner 10001 --group 10001 /weights

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="Impasto worker" \
      org.opencontainers.image.description="Neural style transfer as a rendering service: the painter" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 impasto \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin impasto
COPY --from=build /opt/impasto /opt/impasto
COPY --from=build --chown=10001:10001 /weights /weights
COPY deploy/healthy.py /opt/impasto/healthy.py
# Bytecode lies there from the installation; nothing is written but to /tmp and, by `impasto weights`, to /weights.
ENV PATH="/opt/impasto/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    IMPASTO_ENVIRONMENT=production \
    IMPASTO_WEIGHTS_DIR=/weights \
    IMPASTO_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["python", "/opt/impasto/healthy.py", "worker"]
CMD ["impasto", "worker"]
