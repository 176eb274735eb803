# syntax=docker/dockerfile:1
# Three images from one file: core (bot, and a worker without a model of its own), llm (plus llama.cpp on the CPU),
# gpu (plus diffusers on CUDA). docker-compose.yml uses all three.

ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/storyfork/bin:$PATH

FROM base AS build-core
RUN python -m venv /opt/storyfork
WORKDIR /source
# Dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" \
      > requirements.txt \
 && pip install -c constraints.txt -r requirements.txt
COPY bot bot
COPY db db
COPY prompts prompts
COPY workers workers
RUN pip install --no-deps .

FROM build-core AS build-llm
RUN apt-get update && apt-get install -y --no-install-recommends build-essential cmake git && rm -rf /var/lib/apt/lists/*
# Not for the machine that builds, but for every CPU: one variant for each generation, chosen when a model is loaded.
# A build by GCC 12 was seen to crash in the code for AMX.
ENV CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON"
RUN --mount=type=cache,target=/root/.cache/pip pip install -c constraints.txt '.[llm]'

FROM build-core AS build-gpu
RUN --mount=type=cache,target=/root/.cache/pip pip install -c constraints.txt '.[gpu]'

FROM base AS runtime
RUN useradd --system --uid 10001 --user-group --home-dir /tmp --shell /usr/sbin/nologin storyfork
# The file system is read-only in docker-compose.yml; what is written lives in /tmp, what lasts in PostgreSQL.
ENV STORYFORK_HOME=/tmp/storyfork STORYFORK_MODELS_DIR=/models HOME=/tmp
WORKDIR /tmp
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["storyfork"]
CMD ["bot"]

FROM runtime AS llm
USER root
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
USER 10001:10001
COPY --from=build-llm /opt/storyfork /opt/storyfork

FROM runtime AS gpu
COPY --from=build-gpu /opt/storyfork /opt/storyfork

# The last stage is what a plain `docker build .` makes.
FROM runtime AS core
COPY --from=build-core /opt/storyfork /opt/storyfork
