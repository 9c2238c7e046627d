#!/bin/sh
# Refuses the start when a secret is missing, empty or so short that it was typed by hand. Names the files, never what is in them.
#
#   deployment/preflight.sh FOLDER NAME...
set -eu
folder=$1
shift
bad=''
for name in "$@"; do
    if [ ! -r "$folder/$name" ] || [ "$(tr -d '[:space:]' <"$folder/$name" | wc -c)" -lt 16 ]; then
        bad="$bad $name"
    fi
done
[ -z "$bad" ] || { echo "secrets missing, empty or shorter than 16 characters:$bad" >&2; exit 78; }
echo "$# secrets are there"
