# One image for the services, the edge and the command line. The weights of the bundled detector are inside.
#   docker build -t dropmesh . && docker run -p 8080:8080 -v dropmesh:/data dropmesh
# Any base with Python 3.11 or newer and its venv module will do; name one by its digest to pin it to the byte.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS packages
WORKDIR /opt/dropmesh
RUN python3 -m venv .venv
COPY requirements/runtime.txt requirements/pages.txt requirements/
COPY scripts/lib/trim.sh scripts/lib/symbols.py scripts/lib/
RUN .venv/bin/pip install --no-cache-dir --no-compile --only-binary :all: --require-hashes -r requirements/runtime.txt && \
    .venv/bin/pip install --no-cache-dir --no-compile --only-binary :all: --no-deps --require-hashes -r requirements/pages.txt && \
    scripts/lib/trim.sh "$(echo .venv/lib/python3*/site-packages)" && cd .venv/lib/python3*/site-packages && \
    printf '%s\n' /opt/dropmesh /opt/dropmesh/proto/python /opt/dropmesh/client >dropmesh.pth && \
    printf '%s\n' '#!/bin/sh' 'exec /opt/dropmesh/.venv/bin/python -m dropmesh.cli "$@"' >/opt/dropmesh/.venv/bin/dropmesh && \
    chmod 755 /opt/dropmesh/.venv/bin/dropmesh
COPY . .
# Nothing can be written beside the sources later; what starts is compiled now.
RUN .venv/bin/python -m compileall -q -j 0 -x '/(pyarrow|botocore|onnx|av)/' .venv/lib services client proto scripts batch

FROM ${BASE}
COPY --from=packages /opt/dropmesh /opt/dropmesh
RUN mkdir /data /models && chown 10001:10001 /data /models
ENV PATH=/opt/dropmesh/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DROPMESH_DATA=/data \
    DROPMESH_MODE=tokens \
    DROPMESH_EDGE_HOST=0.0.0.0 \
    DROPMESH_PULL_MODELS=false
WORKDIR /data
VOLUME /data
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "scripts.mesh.healthy"]
CMD ["python", "-m", "scripts.mesh.container"]
