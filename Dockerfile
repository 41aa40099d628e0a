# The operator's image: the program, its libraries and CA certificates; no shell, no package manager.
# `docker build .` or, without any registry, scripts/image.
FROM debian:trixie-slim AS build
WORKDIR /source
COPY scripts/setup scripts/lib.sh scripts/
RUN scripts/setup build
COPY . .
ARG JOBS
RUN scripts/build /build redis-rebalance -- -DCMAKE_BUILD_TYPE=Release
RUN scripts/image-root /build/redis-rebalance /image

FROM scratch
COPY --from=build /image /
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="redis-rebalance-operator" \
      org.opencontainers.image.description="Rebalances Redis Cluster and Valkey clusters without pushing a pod over its memory limit" \
      org.opencontainers.image.version="${VERSION}"
# The HTTP library reads OpenSSL's default certificates for each connection, some 50 ms, and the program then puts the
# cluster's CA in their place: it trusts no other.
ENV SSL_CERT_FILE=/dev/null
USER 65532:65532
ENTRYPOINT ["/usr/bin/redis-rebalance"]
CMD ["operator"]
