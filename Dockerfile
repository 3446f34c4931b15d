# Two images of strop, for linux/amd64 and linux/arm64:
#
#   docker build --target runtime -t strop:runtime .            a device: run, evaluate, bench
#   docker build --target runtime -t strop:onnx --build-arg ENGINE=onnx .
#   docker build --target export -t strop:export .              a workstation: everything
#
#   docker run --rm -v "$PWD:/data" strop:runtime run model.int8.tflite cat.jpg
#
# tests/docker/build_and_run.sh builds and tries them without a Docker engine.

# Another Debian 12 goes in here, such as one with a company's certificates and package index.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS python
# libstdc++6: the engines' wheels link against it. 1000 is the first user of a Raspberry Pi and
# of most workstations, so that what strop writes into a mounted folder belongs to its owner.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libstdc++6 \
        python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 1000 strop \
    && useradd --uid 1000 --gid strop --create-home --shell /usr/sbin/nologin strop \
    && install -d -o strop -g strop /data
ENV PATH=/opt/strop/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1


# uv, the lock file and an empty environment; nothing of this stage but /opt/strop is shipped.
FROM python AS build
ARG UV_VERSION=0.13.9
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates \
        python3-venv \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir "uv==${UV_VERSION}"
# Bytecode is made here, once: at run time nothing is written, and a Pi would compile NumPy anew
# at every start.
ENV PATH=/opt/uv/bin:$PATH \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_NO_PROGRESS=1 \
    UV_PYTHON=/opt/strop/bin/python \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN uv venv --no-project --python /usr/bin/python3 /opt/strop


# The packages, as locked, and strop lie in layers of their own: a new strop is a layer of some
# hundred kilobytes, without its engine or TensorFlow once more.
FROM build AS runtime-packages
ARG ENGINE=litert
RUN uv export --frozen --quiet --no-dev --no-emit-project --extra "${ENGINE}" -o locked.txt \
    && uv pip install --require-hashes --only-binary :all: -r locked.txt \
    && find /opt/strop -type d -name tests -prune -exec rm -rf {} + \
    && rm -f /opt/strop/.lock


FROM build AS export-packages
RUN uv export --frozen --quiet --no-dev --no-emit-project --extra export -o locked.txt \
    && uv pip install --require-hashes --only-binary :all: -r locked.txt \
    && rm -f /opt/strop/.lock


# The device half alone. pyproject.toml wants a calibration_data; its licence will do.
FROM build AS runtime-wheel
COPY README.md LICENSE ./
COPY calibration_data/LICENSE calibration_data/
COPY runtime runtime
RUN uv build --wheel --out-dir /dist \
    && uv pip install --no-deps --prefix /wheel /dist/*.whl \
    && rm -f /wheel/.lock


FROM build AS export-wheel
COPY README.md LICENSE ./
COPY calibration_data calibration_data
COPY export export
COPY runtime runtime
RUN uv build --wheel --out-dir /dist \
    && uv pip install --no-deps --prefix /wheel /dist/*.whl \
    && rm -f /wheel/.lock


FROM python AS export
COPY --from=export-packages /opt/strop /opt/strop
COPY --from=export-wheel /wheel /opt/strop
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="strop export" \
      org.opencontainers.image.description="Makes int8 .tflite and .onnx files from a Keras MobileNet, and certifies them" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER strop
WORKDIR /data
ENTRYPOINT ["strop"]
CMD ["-h"]


# Last, so that a build without --target makes the small one.
FROM python AS runtime
COPY --from=runtime-packages /opt/strop /opt/strop
COPY --from=runtime-wheel /wheel /opt/strop
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="strop runtime" \
      org.opencontainers.image.description="Runs and measures int8 .tflite and .onnx files on a device" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER strop
WORKDIR /data
ENTRYPOINT ["strop"]
CMD ["-h"]
