# The vault in images; docs/install.md says which to take, and what was proven.
#
#   docker build --target vault -t docuvault .      everything in one container
#   docker build --target server -t docuvault .     the program alone, no shell, root read-only
#   docker build --target worker -t docuvault .     the same on Debian, with tesseract
#   docker build --target functions --build-arg FUNCTION=uploads/begin -t begin .
#   make lambda-image IMAGE=…                        the analysis on AWS Lambda
#
# For another platform (--platform linux/arm64) Go and the page are still built
# on this one's processor; only what Debian installs runs on the other.

FROM --platform=$BUILDPLATFORM node:22.12.0-bookworm-slim AS page
WORKDIR /src
COPY .ci/web .ci/web
COPY web web
RUN sh .ci/web build

FROM --platform=$BUILDPLATFORM golang:1.26.0-bookworm AS source
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-trimpath -buildvcs=false"
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The folders of an image without a shell.
RUN install -d -m 1777 /empty/tmp && install -d -o 65532 -g 65532 /empty/data

FROM source AS program
COPY --from=page /src/web/dist web/dist
ARG TARGETOS
ARG TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags web -ldflags="-s -w" -o /out/docuvault ./cmd/docuvault

FROM source AS function
ARG TARGETOS
ARG TARGETARCH
ARG FUNCTION=uploads/begin
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -ldflags="-s -w" -o /out/function "./functions/$FUNCTION/bootstrap"

# One function, nothing else. It listens on $PORT, consumes its queue, or runs
# once, as its trigger says.
FROM scratch AS functions
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=source /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=source /empty/tmp /tmp
COPY --from=function /out/function /function
USER 65532:65532
ENTRYPOINT ["/function"]

# All functions in one program, for servers that are elsewhere: "serve --only
# http", "run schedules-reconcile", "migrate".
FROM scratch AS server
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=source /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=source /empty/tmp /tmp
COPY --from=source /empty/data /data
COPY --from=program /out/docuvault /usr/local/bin/docuvault
ENV PATH=/usr/local/bin DOCUVAULT_DATA=/data
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["docuvault", "health"]
ENTRYPOINT ["docuvault"]
CMD ["serve", "--listen", "0.0.0.0:8080"]

FROM debian:13.2-slim AS tesseract
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates tesseract-ocr tesseract-ocr-deu tesseract-ocr-eng tzdata \
 && rm -rf /var/lib/apt/lists/*

FROM source AS analyze
ARG TARGETOS
ARG TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags lambda.norpc -ldflags="-s -w" -o /out/bootstrap ./functions/workers/analyze/bootstrap \
 && GOOS=$TARGETOS GOARCH=$TARGETARCH go build -ldflags="-s -w" -o /out/warm ./deploy/aws/warm

# Machine code is for one processor: this runs on the target's, not on the one that
# builds. Lambda runs the function as a user of its own, who has to read it.
FROM tesseract AS warm
COPY --from=analyze /out/warm /usr/local/bin/warm
RUN XDG_CACHE_HOME=/cache warm && chmod -R a+rX /cache

# The analysis on AWS Lambda: it speaks Lambda's protocol itself, so any base will
# do. Only /tmp can be written there; the program copies the compiled code to it,
# and has nothing to compile. No USER: Lambda has its own, who is not root.
FROM tesseract AS lambda-analyze
COPY --from=warm /cache/docuvault/wazero /opt/wazero
COPY --from=analyze /out/bootstrap /var/task/bootstrap
ENV PDF_CACHE_DIR=/opt/wazero
WORKDIR /var/task
ENTRYPOINT ["/var/task/bootstrap"]

FROM tesseract AS worker
RUN groupadd --gid 65532 docuvault \
 && useradd --uid 65532 --gid 65532 --home-dir /data --no-create-home --shell /usr/sbin/nologin docuvault \
 && install -d -o 65532 -g 65532 /data
COPY --from=program /out/docuvault /usr/local/bin/docuvault
# All that is written is below the volume: the root may be read-only.
ENV DOCUVAULT_DATA=/data HOME=/data TMPDIR=/data/tmp XDG_CACHE_HOME=/data/cache
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["docuvault", "health"]
ENTRYPOINT ["docuvault"]
CMD ["serve", "--listen", "0.0.0.0:8080"]

# docker run -p 8080:8080 -v docuvault:/data docuvault
FROM worker AS vault
USER 0
# Debian 13's server is PostgreSQL 17; the volume stays with that major. Debian's
# own cluster is not made: docuvault makes one in the volume.
# hadolint ignore=DL3008
RUN install -d /etc/postgresql-common \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf \
 && apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-17 \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql
USER 65532:65532
VOLUME /data
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["docuvault", "health"]
