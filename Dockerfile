# The sandbox alone: SMTP on 1025, HTTP on 8025, SQLite and the embedded broker in /data.
#   docker build -t sandbox-mta . && docker run -p 127.0.0.1:1025:1025 -p 127.0.0.1:8025:8025 sandbox-mta

FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY msa msa
COPY bridge bridge
COPY sandbox_mta sandbox_mta
COPY templates templates
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY requirements.txt /tmp/
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --constraint /tmp/requirements.txt /wheels/*.whl \
    && rm -r /wheels /tmp/requirements.txt \
    && useradd --system --no-create-home --shell /usr/sbin/nologin sandbox \
    && install --directory --owner=sandbox --group=sandbox /data
# A container's loopback is its own: what it publishes, and to whom, is the engine's business.
ENV SANDBOX_MTA_SMTP=0.0.0.0:1025 \
    SANDBOX_MTA_HTTP=0.0.0.0:8025 \
    SANDBOX_MTA_DATA=/data \
    PYTHONUNBUFFERED=1
USER sandbox
WORKDIR /data
VOLUME /data
EXPOSE 1025 8025
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8025/readyz', timeout=3)"]
ENTRYPOINT ["sandbox-mta"]
CMD ["serve"]
