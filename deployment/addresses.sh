#!/bin/sh
# Says where the services that run are, and in which file the way in stands; never what stands there.
set -eu
say() {
    if address=$(docker compose port "$2" "$3" 2>/dev/null) && [ -n "$address" ]; then
        printf '  %-12s %-28s %s\n' "$1" "$4$address" "$5"
    fi
}
echo 'Meterhouse is up:'
say Airflow airflow-api-server 8080 http:// 'user admin, password in secrets/airflow_admin_password'
say catalogue docs 8080 http:// ''
say Grafana grafana 3000 http:// 'user admin, password in secrets/grafana_admin_password'
say Prometheus prometheus 9090 http:// ''
say warehouse warehouse 5432 '' 'database meterhouse, user reader, password in secrets/warehouse_reader_password, authority secrets/database_ca'
say dashboard dashboard 8501 http:// ''
say API api 8000 http:// ''
say pgAdmin pgadmin 5050 http:// 'user admin@meterhouse.example, password in secrets/pgadmin_password'
