#!/bin/sh
# Runs a command with secrets in its environment: for each variable NAME__FILE, the content of that file becomes NAME. Refuses to
# start when a file is missing or empty.
set -eu
for name in $(env | sed -n 's/^\([A-Z][A-Z0-9_]*\)__FILE=.*$/\1/p'); do
    eval "path=\$${name}__FILE"
    [ -r "$path" ] || { echo "$0: ${name}__FILE=$path cannot be read" >&2; exit 78; }
    value=$(cat "$path")
    [ -n "$value" ] || { echo "$0: ${name}__FILE=$path is empty" >&2; exit 78; }
    export "$name=$value"
done
exec "$@"
