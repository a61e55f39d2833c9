# One image for all programs and the bundled CNI plugins: commands differ, not the
# content.

# The compiler runs on the machine's own platform and produces the target's:
# emulating it would take many times longer. BuildKit sets BUILDPLATFORM; Buildah
# and Podman, when they do not, take the empty platform for the machine's own.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
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
# The programs land in /, the plugins in /cni, and the licenses of everything that
# is linked into either in /licenses.
COPY --from=build /src/bin/ /
# By number, because Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
ENTRYPOINT ["/macvlan-webhook"]
