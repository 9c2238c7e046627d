#!/bin/sh
# PostgreSQL refuses a key that others may read, and a mounted secret keeps the mode it has outside: the server gets a copy of its own,
# in memory. Then the image's own start goes on.
set -eu
install -m 0600 "$TLS_KEY" "$TLS_FOLDER/server.key"
install -m 0644 "$TLS_CERTIFICATE" "$TLS_FOLDER/server.crt"
exec docker-entrypoint.sh "$@"
