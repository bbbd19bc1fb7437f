#!/bin/sh
# Builds florilegium/base and the images of the gateway and of each service, as <repository>/<name>:<tag>.
# Usage: [GPU=1] deploy/build-images.sh [TAG] [REPOSITORY]; DOCKER_BUILD_OPTIONS is given to each build.
# GPU=1 builds <repository>/trainer:<tag>-gpu, too, on CUDA_IMAGE.
set -eu
cd "$(dirname "$0")/.."
tag=${1:-$(sed -n 's/^appVersion: *//p' deploy/helm/florilegium/Chart.yaml)}
repository=${2:-florilegium}
cuda_image=${CUDA_IMAGE:-nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04}
# shellcheck disable=SC2086 # several options may be given
build() { docker build ${DOCKER_BUILD_OPTIONS:-} "$@" .; }

build -f Dockerfile.base -t "$repository/base:$tag"
for dockerfile in libs/gateway/Dockerfile services/*/Dockerfile; do
  name=$(basename "$(dirname "$dockerfile")")
  build -f "$dockerfile" --build-arg BASE="$repository/base:$tag" -t "$repository/$name:$tag"
done
if [ "${GPU:-0}" = 1 ]; then
  build -f Dockerfile.base --build-arg RUNTIME_IMAGE="$cuda_image" -t "$repository/base:$tag-gpu"
  build -f services/trainer/Dockerfile.gpu --build-arg BASE="$repository/base:$tag-gpu" -t "$repository/trainer:$tag-gpu"
fi
