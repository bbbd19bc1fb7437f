#!/usr/bin/env bash
# Example: start a training over REST, follow it, and stream the newest HQ list, with curl and node for the JSON.
#
#   tests/examples/train-and-list.sh [http://127.0.0.1:8080] [API_KEY]
set -euo pipefail
base=${1:-http://127.0.0.1:8080}
key=${2:-}
curl_api() { curl --silent --show-error --fail-with-body --max-time 60 ${key:+--header "authorization: Bearer $key"} "$@"; }
field() { node -pe "JSON.parse(require('fs').readFileSync(0, 'utf8')).$1 ?? ''"; }

label_set=$(curl_api "$base/v1/iterations/1" | field labelSetId)
training=$(curl_api --json "{\"labelSetId\": \"$label_set\", \"method\": \"probe\", \"parameters\": {\"seed\": 8}}" --header "idempotency-key: example-$label_set" "$base/v1/trainings" | field id)
echo "training $training"

# Server-sent events: one line of data for each change, until the training has ended.
curl_api --no-buffer "$base/v1/trainings/$training/events" | while read -r line; do
  case "$line" in
    data:*) printf '%s' "${line#data: }" | node -pe "const t = JSON.parse(require('fs').readFileSync(0, 'utf8')); \`\${t.state} \${t.phase} \${t.membersDone}/\${t.memberCount} members\`" ;;
  esac
done
test "$(curl_api "$base/v1/trainings/$training" | field state)" = done

version=$(curl_api "$base/v1/hq-lists" | field "hqLists.filter((list) => list.state === 'published').at(-1).version")
echo "HQ list v$version: $(curl_api "$base/v1/hq-lists/$version/pages.txt" | grep -c .) pages"
