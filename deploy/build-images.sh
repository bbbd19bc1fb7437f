#!/bin/sh
# Builds florilegium/base and the image of each service, as <repository>/<service>:<tag>.
# Usage: deploy/build-images.sh [TAG] [REPOSITORY]; DOCKER_BUILD_OPTIONS is given to each build.
set -eu
cd "$(dirname "$0")/.."
tag=${1:-$(sed -n 's/^appVersion: *//p' deploy/helm/florilegium/Chart.yaml)}
repository=${2:-florilegium}
# shellcheck disable=SC2086 # several options may be given
build() { docker build ${DOCKER_BUILD_OPTIONS:-} "$@" .; }

build -f Dockerfile.base -t "$repository/base:$tag"
for dockerfile in services/*/Dockerfile; do
  service=$(basename "$(dirname "$dockerfile")")
  build -f "$dockerfile" --build-arg BASE="$repository/base:$tag" -t "$repository/$service:$tag"
done
