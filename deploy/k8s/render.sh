#!/bin/sh
# Renders the chart's quickstart into quickstart.yaml, or to the file given. helm is taken from HELM, else from the PATH.
set -eu
cd "$(dirname "$0")"
target=${1:-quickstart.yaml}
{
  echo "# Rendered by render.sh from ../helm/florilegium with values.yaml: do not edit."
  "${HELM:-helm}" template florilegium ../helm/florilegium --namespace florilegium --values values.yaml --skip-tests
} >"$target.new"
mv "$target.new" "$target"
