#!/bin/sh
# Applies the roles of the warehouse: at every start, so that a password that was changed in secrets/ holds from then on. Repeating it
# changes nothing. Connects by PG*. All or nothing, and no statement with a password is logged, even one that fails.
#
# roles.sql may use the psql variables database, loader_password, transformer_password and reader_password; metrics.sql
# database and metrics_password.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 <<EOF
\set database \`echo "\$PGDATABASE"\`
\set loader_password \`cat "\$PASSWORDS/warehouse_loader_password"\`
\set transformer_password \`cat "\$PASSWORDS/warehouse_transformer_password"\`
\set reader_password \`cat "\$PASSWORDS/warehouse_reader_password"\`
\set metrics_password \`cat "\$PASSWORDS/warehouse_metrics_password"\`
begin;
set local log_min_error_statement = panic;
set local log_statement = none;
\i $ROLES/roles.sql
\i $ROLES/metrics.sql
commit;
EOF
echo 'roles of the warehouse are applied'
