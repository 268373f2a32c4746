# The worker: Celery and the painter, on a GPU where it is given one, else on the CPU.
#
#   docker build -f deploy/worker.Dockerfile -t impasto-worker .
#   docker run --gpus device=0 --read-only --tmpfs /tmp --shm-size 256m --cap-drop ALL \
#       --security-opt no-new-privileges --stop-timeout 60 --env-file … impasto-worker
#
# No base with CUDA: torch's wheels bring its libraries themselves, exactly those that they were built for, and a second
# copy would double 5 GB for nothing. The host brings the driver and NVIDIA's container toolkit.
#
# The weights of VGG-16 are in it. --build-arg WEIGHTS="vgg16 vgg19" has others, WEIGHTS= none; then they are mounted:
#   docker run --rm -v weights:/weights impasto-worker impasto weights pull vgg16
#   docker run … -v weights:/weights:ro impasto-worker
#
# --build-arg VERSION=… and REVISION=… go into its labels; --secret id=pip.conf,src=… names a package index of your own.
# What it needs of the outside are the IMPASTO_… variables of docs/configuration.md; secrets come with them at run time,
# or as files in the folder that IMPASTO_SECRETS_DIR names.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
# What we stand on is installed by itself: a change of our own code then costs seconds, and a layer of 5 MB.
COPY pyproject.toml constraints.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
      print(*p['dependencies'], *p['optional-dependencies']['worker'], sep='\n')" \
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
ARG WEIGHTS=vgg16
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app/lib/python3.11/site-packages IMPASTO_WEIGHTS_DIR=/weights \
 && mkdir /weights \
 && for network in $WEIGHTS; do /opt/impasto/bin/python -m service.cli weights pull "$network" || exit 1; done

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 impasto \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin impasto
COPY --from=build /opt/impasto /opt/impasto
COPY --from=build --chown=10001:10001 /weights /weights
COPY --from=build /app /opt/impasto
COPY deploy/healthy.py /opt/impasto/healthy.py
# Bytecode lies there from the installation; nothing is written but to /tmp and, by `impasto weights`, to /weights.
# There is no NVIDIA_VISIBLE_DEVICES=all: a worker gets the GPU that it is given, and no other.
ENV PATH="/opt/impasto/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    IMPASTO_ENVIRONMENT=production \
    IMPASTO_WATCH_HOST=0.0.0.0 \
    IMPASTO_WATCH_PORT=9100 \
    IMPASTO_WEIGHTS_DIR=/weights \
    IMPASTO_LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "/opt/impasto/healthy.py"]
CMD ["impasto", "worker"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Impasto worker" \
      org.opencontainers.image.description="Neural style transfer as a rendering service: the painter" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
