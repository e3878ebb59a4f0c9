# The official image, for its name tells the patch level, and one digest stands for amd64 and arm64.
FROM python:3.12.14-slim-trixie@sha256:f77ac9e44ae96ef2c90b8053ea08c31f8be030f824196b0ae4db6d462c84e51f AS base

FROM base AS build
WORKDIR /build
COPY requirements.txt .
COPY infra/image infra/image
COPY functions functions
RUN python infra/image/build.py /image

FROM base
# OCI Functions runs every container as this user.
RUN groupadd --gid 1000 fn && useradd --uid 1000 --gid fn fn
COPY --from=build /image /
ENV PYTHONPATH=/function:/python PYTHONDONTWRITEBYTECODE=1
WORKDIR /function
USER 1000:1000
ENTRYPOINT ["python3.12", "-S", "/function/start.py", "/function/functions/func.py", "handler"]
