# Two images from scratch, non-root, without a shell: docker build --target operator|broker .
# hack/images.sh builds the same where there is no Docker.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY broker broker
COPY cmd cmd
COPY config config
COPY controllers controllers
ARG TARGETOS TARGETARCH VERSION=dev
ENV CGO_ENABLED=0
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" \
    -o /out/ ./cmd/operator ./cmd/broker

FROM scratch AS operator
COPY --from=build /out/operator /dunlin-operator
USER 65532:65532
ENTRYPOINT ["/dunlin-operator"]

FROM scratch AS broker
COPY --from=build /out/broker /dunlin-broker
USER 65532:65532
ENTRYPOINT ["/dunlin-broker"]
