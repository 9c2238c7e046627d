#!/bin/sh
# Makes the secrets that docker-compose.yaml names, those that are missing, each of its own; never prints one, never
# replaces one. To bring your own, lay the file into the folder before the first start. Exit code 1 when a file that is there is empty.
#
#   deployment/secrets.sh [FOLDER]        default: secrets/ beside docker-compose.yaml
#
# The folder is for its owner alone (0700); the files in it are read-only for everybody (0444). Compose mounts a file with the
# owner and mode it has here, and the containers run as other users than you: 0600 would lock them out
# (docs/decisions/0018-containers.md). Nobody else on this machine can reach a file in a folder that only you may enter.
set -eu
umask 077

folder=${1:-$(dirname "$0")/../secrets}
mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"

command -v openssl >/dev/null || { echo 'secrets.sh needs openssl and found none' >&2; exit 1; }

# keep NAME: the text on standard input becomes the secret NAME, unless it has one. Written aside and moved: an interrupted
# run leaves no half secret behind.
keep() {
    if [ ! -e "$1" ]; then
        cat >".$1.new"
        [ -s ".$1.new" ] || { echo "secrets.sh could not make $1" >&2; exit 1; }
        chmod 0444 ".$1.new"
        mv ".$1.new" "$1"
    fi
}

# certificate NAME HOST...: a key and a certificate for these host names, signed by the authority; left beside the others until
# all of them are there.
certificate() {
    name=$1
    shift
    names=$(printf 'DNS:%s,' "$@")IP:127.0.0.1
    openssl req -newkey rsa:3072 -nodes -sha256 -subj "/CN=$1" -keyout ".${name}_key" -out .request 2>/dev/null
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n' \
        "$names" >.extensions
    openssl x509 -req -sha256 -days 3650 -in .request -CA .database_ca -CAkey .ca_key -set_serial "0x$(openssl rand -hex 16)" \
        -extfile .extensions -out ".${name}_certificate" 2>/dev/null
}

had=" $(echo *) "
for name in warehouse_superuser_password warehouse_loader_password warehouse_transformer_password warehouse_security_password warehouse_reader_password warehouse_explorer_password \
    warehouse_metrics_password airflow_database_password airflow_admin_password airflow_api_secret_key airflow_api_user_password grafana_admin_password \
    pgadmin_password lake_secret_key pseudonym_key; do
    [ -e "$name" ] || openssl rand -hex 32 | keep "$name"
done
# 64 bytes, as the signature's algorithm wants; Fernet's key is 32 bytes in URL-safe base64.
[ -e airflow_jwt_secret ] || openssl rand -hex 64 | keep airflow_jwt_secret
[ -e airflow_fernet_key ] || openssl rand -base64 32 | tr '+/' '-_' | keep airflow_fernet_key
[ -e lake_access_key ] || openssl rand -hex 10 | keep lake_access_key

# One authority signs both databases, and its key is forgotten at once: nobody can sign another name with it. Bring your own by
# laying all five files here; remove all five to have them made anew.
if [ ! -e database_ca ]; then
    for name in warehouse_key warehouse_certificate airflow_database_key airflow_database_certificate; do
        [ ! -e "$name" ] || { echo "$folder: $name is there, database_ca is not; bring both or neither" >&2; exit 1; }
    done
    trap 'rm -f .database_ca .ca_key .request .extensions .warehouse_* .airflow_database_*' EXIT
    openssl req -x509 -newkey rsa:3072 -nodes -sha256 -days 3650 -subj '/CN=Meterhouse databases' \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout .ca_key -out .database_ca 2>/dev/null
    certificate warehouse warehouse localhost
    certificate airflow_database airflow-database localhost
    for name in warehouse_key warehouse_certificate airflow_database_key airflow_database_certificate database_ca; do
        keep "$name" <".$name"
    done
fi

empty=''
made=''
for name in *; do
    [ -s "$name" ] || empty="$empty $name"
    case $had in *" $name "*) ;; *) made="$made $name" ;; esac
done
[ -z "$empty" ] || { echo "$folder: empty:$empty; remove them to have them made, or fill them" >&2; exit 1; }
for name in warehouse_certificate airflow_database_certificate; do
    openssl x509 -checkend 2592000 -noout -in "$name" >/dev/null \
        || echo "$folder: $name ends within 30 days; remove database_ca and both keys and certificates, and start again" >&2
done
[ -z "$made" ] || echo "made in $folder:$made"
