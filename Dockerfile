# The whole drawing in a container, as a user without rights:
#
#   docker build -t snowstream . && docker run --rm -it snowstream
#   docker run --rm -it --network host -v snowstream:/data snowstream local --data /data    with the page, and kept
#
# All servers listen on 127.0.0.1, so the page is reached through the host's network and not by a published port.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -ldflags '-s -w' -o /out/bin/snowstream ./cmd/snowstream
RUN set -e; for arch in amd64 arm64; do for f in orchestrator upsert; do \
      CGO_ENABLED=0 GOARCH=$arch go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' -o /out/lib/snowstream/functions/$arch/$f ./cmd/$f-lambda; \
    done; done

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libstdc++6 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home snowstream && install -d -o snowstream /data
COPY --from=build /out/ /usr/
USER snowstream
WORKDIR /home/snowstream
VOLUME /data
HEALTHCHECK --interval=10s --start-period=30s CMD ["snowstream", "status", "--data", "/data"]
ENTRYPOINT ["snowstream"]
CMD ["local", "--data", "/data"]
