# One image for all programs and the bundled CNI plugins: commands differ, not the
# content.

# The compiler runs on the machine's own platform and produces the target's:
# emulating it would take many times longer. Builders that set no BUILDPLATFORM
# have one platform only.
FROM --platform=${BUILDPLATFORM:-linux} golang:1.26 AS build
WORKDIR /src
# A layer of its own: sources change more often than what they need.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH make build VERSION=$VERSION

# The programs are static, and trust the cluster's own authority, which is
# mounted: nothing else is needed.
FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="macvlan-webhook" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /licenses/LICENSE
# The programs land in / and the plugins in /cni.
COPY --from=build /src/bin/ /
# By number, because Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
ENTRYPOINT ["/macvlan-webhook"]
