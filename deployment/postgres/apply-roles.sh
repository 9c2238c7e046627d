#!/bin/sh
# Applies roles.sql with psql, where there is no Python: in a container's init, or at every start of one, so that a password that was
# changed holds from then on. Repeating it changes nothing. Connects by PG* as the database's administrator. PASSWORDS is a folder with
# the files warehouse_loader_password, warehouse_transformer_password, warehouse_reader_password, warehouse_explorer_password and
# warehouse_security_password; a missing one leaves that role as it is. ROLES is the folder of roles.sql; default: this script's own.
#
# As /docker-entrypoint-initdb.d/apply-roles.sh of the official image it connects to the server that is being set up.
# All or nothing. No password is an argument, and no statement that holds one is logged.
set -eu
roles=${ROLES:-$(dirname "$0")}
export PGUSER="${PGUSER:-${POSTGRES_USER:-postgres}}"
export PGDATABASE="${PGDATABASE:-${POSTGRES_DB:-$PGUSER}}"
[ -r "$roles/roles.sql" ] || { echo "$roles/roles.sql cannot be read" >&2; exit 1; }
for role in loader transformer reader explorer security; do
    file="$PASSWORDS/warehouse_${role}_password"
    [ ! -e "$file" ] || [ -s "$file" ] || { echo "$file is empty" >&2; exit 1; }
done
# psql ends with 0 when its input ends early, too: what it says after the commit is the proof.
said=$({
    echo 'begin;'
    # Where the server lets the administrator say so.
    echo "select set_config(name, setting, true) from (values ('log_statement', 'none'), ('log_min_error_statement', 'panic'),"
    echo "    ('log_min_duration_statement', '-1')) as quiet (name, setting) where (select rolsuper from pg_roles where rolname = current_user)"
    printf '%s\n' '\g /dev/null'
    for role in loader transformer reader explorer security; do
        [ -e "$PASSWORDS/warehouse_${role}_password" ] || continue
        printf '\\set secret `cat "$PASSWORDS/warehouse_%s_password"`\n' "$role"
        printf "select set_config('meterhouse.%s_password', :'secret', true) \\\\g /dev/null\n" "$role"
    done
    cat "$roles/roles.sql"
    # Where Prometheus looks in: a role of its own, which sees counters and no data.
    if [ -e "$roles/metrics.sql" ] && [ -e "$PASSWORDS/warehouse_metrics_password" ]; then
        printf '%s\n' '\set database `echo "$PGDATABASE"`'
        printf '%s\n' '\set metrics_password `cat "$PASSWORDS/warehouse_metrics_password"`'
        cat "$roles/metrics.sql"
    fi
    echo 'commit;'
    printf '%s\n' '\echo The roles of the warehouse are applied'
} | psql --quiet --no-psqlrc --set ON_ERROR_STOP=1)
echo "$said"
[ "$said" = 'The roles of the warehouse are applied' ]
