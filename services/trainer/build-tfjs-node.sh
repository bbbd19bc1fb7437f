#!/bin/sh
# Puts a native TensorFlow.js backend into node_modules, built against the TensorFlow library that a wheel on PyPI carries: for machines that reach a
# Python registry and not the host that the package's own install script downloads from. Linux x64; needs g++, python3 and pip.
#
#   sh services/trainer/build-tfjs-node.sh                      @tensorflow/tfjs-node on tensorflow-cpu
#   sh services/trainer/build-tfjs-node.sh tfjs-node-gpu        @tensorflow/tfjs-node-gpu on tensorflow, which wants CUDA 11.8 and cuDNN 8.6
#
# The next `npm ci` removes it again.
set -eu
package=${1:-tfjs-node}
case $package in
  tfjs-node) wheel=tensorflow-cpu ;;
  tfjs-node-gpu) wheel=tensorflow ;;
  *) echo "usage: build-tfjs-node.sh [tfjs-node|tfjs-node-gpu]" >&2; exit 2 ;;
esac
# The first TensorFlow whose wheel has libtensorflow_cc.so.2; the binding asks for 2.9 and uses nothing that changed since.
version=2.12.1
cd "$(dirname "$0")/../.."
npm install --no-save --no-audit --no-fund --ignore-scripts "@tensorflow/$package@4.22.0" node-api-headers@1
target=node_modules/@tensorflow/$package
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.11 --platform manylinux2014_x86_64 \
  --dest "$work" "$wheel==$version"
mkdir -p "$target/deps/lib" "$target/lib/napi-v8"
python3 - "$work" "$target/deps" <<'PYTHON'
import glob, os, sys, zipfile
work, deps = sys.argv[1:]
with zipfile.ZipFile(glob.glob(os.path.join(work, "*.whl"))[0]) as wheel:
    for name in wheel.namelist():
        if name in ("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"):
            target = os.path.join(deps, "lib", os.path.basename(name))
        elif name.startswith(("tensorflow/include/tensorflow/c/", "tensorflow/include/tensorflow/tsl/",
                              "tensorflow/include/tensorflow/core/platform/")) and not name.endswith("/"):
            target = os.path.join(deps, name.removeprefix("tensorflow/"))
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with wheel.open(name) as source, open(target, "wb") as copy:
            while chunk := source.read(1 << 20):
                copy.write(chunk)
PYTHON
# The C interface, which the binding calls, is part of the C++ library.
ln -sf libtensorflow_cc.so.2 "$target/deps/lib/libtensorflow.so"
ln -sf libtensorflow_framework.so.2 "$target/deps/lib/libtensorflow_framework.so"
g++ -std=c++17 -O2 -shared -fPIC -DNAPI_VERSION=8 -I"$target" -Inode_modules/node-api-headers/include -I"$target/deps/include" \
  "$target/binding/tfjs_backend.cc" "$target/binding/tfjs_binding.cc" \
  -L"$target/deps/lib" -ltensorflow -ltensorflow_framework -Wl,-rpath,'$ORIGIN/../../deps/lib' \
  -o "$target/lib/napi-v8/tfjs_binding.node"
echo "@tensorflow/$package is built on $wheel $version; TENSORFLOW_BACKEND=$package asks for it"
