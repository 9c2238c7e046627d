-- The roles of the warehouse and all they may do (docs/decisions/0019-database-roles.md). Plain SQL, for one transaction in the warehouse's
-- database, as its administrator: `python -m operations roles`, or deployment/postgres/apply-roles.sh where there is no Python.
-- Repeating it changes nothing, and takes back what was granted by hand.
--
-- Passwords come as settings of the session, best as SCRAM verifiers: meterhouse.loader_password, .transformer_password,
-- .reader_password, .explorer_password, .security_password. A role whose password is not given keeps what it has; one that never had any cannot log in.

set local search_path = pg_catalog;
set local password_encryption = 'scram-sha-256';
set local client_min_messages = warning;

-- 1. Roles, with limits that a forgotten session or a runaway query meets.
do $roles$
declare
    wanted record;
    secret text;
    excess text;
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'PostgreSQL 15 or newer is needed, this is %', current_setting('server_version');
    end if;
    for wanted in
        select *
        from (
            values
            -- Landing: its own connection, the lock's, and dlt's. A load may take hours; the lock's transaction lifts the limit on idling.
            ('loader', 25, '6h', '2min', '15min'),
            -- dbt's threads and publishing. A dbt run waits with its start while a publication copies.
            ('transformer', 15, '6h', '30min', '15min'),
            -- Dashboard, API, analysts. Idle in a transaction they would hold off a publication, which waits 60 s for them.
            ('reader', 20, '60s', '10s', '45s'),
            -- People's own SQL. The explorer sets limits of its own per question; these hold for who logs in by other means.
            ('explorer', 5, '15s', '5s', '30s'),
            -- One person or two, looking something up.
            ('security', 3, '5min', '10s', '5min')
        ) as roles (name, connections, statement, locks, idle)
    loop
        if not exists (select from pg_roles where rolname = 'meterhouse_' || wanted.name) then
            execute format('create role %I nologin', 'meterhouse_' || wanted.name);
        end if;
        select concat_ws(
            ', ',
            case when r.rolsuper then 'superuser' end,
            case when r.rolcreaterole then 'createrole' end,
            case when r.rolcreatedb then 'createdb' end,
            case when r.rolreplication then 'replication' end,
            case when r.rolbypassrls then 'bypassrls' end,
            (
                select string_agg('member of ' || m.roleid::regrole, ', ')
                from pg_auth_members as m
                where m.member = r.oid
            )
        )
        into excess
        from pg_roles as r
        where r.rolname = 'meterhouse_' || wanted.name;
        if excess <> '' then
            raise exception 'meterhouse_% has more than it should: %. Take that away and run again.', wanted.name, excess;
        end if;
        secret := nullif(current_setting('meterhouse.' || wanted.name || '_password', true), '');
        if secret is not null then
            execute format('alter role %I login password %L', 'meterhouse_' || wanted.name, secret);
        end if;
        execute format('alter role %I connection limit %s', 'meterhouse_' || wanted.name, wanted.connections);
        execute format('alter role %I set statement_timeout = %L', 'meterhouse_' || wanted.name, wanted.statement);
        execute format('alter role %I set lock_timeout = %L', 'meterhouse_' || wanted.name, wanted.locks);
        execute format('alter role %I set idle_in_transaction_session_timeout = %L', 'meterhouse_' || wanted.name, wanted.idle);
    end loop;
end
$roles$;

-- An administrator who is no superuser (managed services) must be a member of the owners to give them things; for this transaction only.
do $member$
declare
    owner text;
    given text := '';
begin
    if not (select rolsuper from pg_roles where rolname = current_user) then
        foreach owner in array array['meterhouse_loader', 'meterhouse_transformer'] loop
            if not pg_has_role(current_user, owner, 'usage') then
                execute format('grant %I to current_user', owner);
                given := given || owner || ' ';
            end if;
        end loop;
    end if;
    perform set_config('meterhouse.given', given, true);
end
$member$;

-- 2. The database. Only the transformer makes schemas (each publication is one) and temporary tables (dbt's increments).
do $database$
begin
    execute format(
        'revoke all on database %I from public, meterhouse_loader, meterhouse_transformer, meterhouse_reader, meterhouse_explorer, meterhouse_security',
        current_database()
    );
    execute format(
        'grant connect on database %I to meterhouse_loader, meterhouse_transformer, meterhouse_reader, meterhouse_explorer, meterhouse_security',
        current_database()
    );
    execute format('grant create, temporary on database %I to meterhouse_transformer', current_database());
end
$database$;
revoke create on schema public from public;

-- 3. Schemas and what is in them: each has one owner, also where another role has made it before.
do $schemas$
declare
    place record;
    relation record;
begin
    for place in
        select *
        from (
            values
            ('raw', 'meterhouse_loader'),
            ('staging', 'meterhouse_transformer'),
            ('intermediate', 'meterhouse_transformer'),
            ('marts', 'meterhouse_transformer'),
            ('ledger', 'meterhouse_transformer'),
            -- Months of long series on PostgreSQL.
            ('partitions', 'meterhouse_transformer'),
            -- Empty until the first publication, which finds here who may read (publishing/publish.py).
            ('published', 'meterhouse_transformer')
        ) as places (schema, owner)
    loop
        execute format('create schema if not exists %I authorization %I', place.schema, place.owner);
        if (select nspowner::regrole::text from pg_namespace where nspname = place.schema) <> place.owner then
            execute format('alter schema %I owner to %I', place.schema, place.owner);
        end if;
        for relation in
            select c.oid::regclass as name, c.relkind as kind
            from pg_class as c
            where
                c.relnamespace = place.schema::regnamespace and c.relowner <> place.owner::regrole
                and c.relkind in ('r', 'p', 'v', 'm', 'f')
        loop
            execute format(
                'alter %s %s owner to %I',
                case relation.kind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end,
                relation.name, place.owner
            );
        end loop;
        execute format(
            'revoke all on schema %I from public, meterhouse_reader, meterhouse_explorer, meterhouse_security%s', place.schema,
            case when place.owner <> 'meterhouse_loader' then ', meterhouse_loader' else ', meterhouse_transformer' end
        );
        execute format(
            'revoke all on all tables in schema %I from public, meterhouse_reader, meterhouse_explorer, meterhouse_security%s', place.schema,
            case when place.owner <> 'meterhouse_loader' then ', meterhouse_loader' else ', meterhouse_transformer' end
        );
    end loop;
end
$schemas$;

-- 4. Who reads what. Personal data is in raw, staging and intermediate: of people, only those of meterhouse_security see it. The
-- transformer is a service, and must read raw to replace it by pseudonyms.
grant usage on schema raw, staging, intermediate, marts, ledger, published to meterhouse_security;
grant select on all tables in schema raw, staging, intermediate, marts, ledger, published to meterhouse_security;
grant usage on schema raw to meterhouse_transformer;
grant select on all tables in schema raw to meterhouse_transformer;
grant usage on schema published to meterhouse_reader, meterhouse_explorer;
grant select on all tables in schema published to meterhouse_reader, meterhouse_explorer;

-- Tables that landing and dbt will make. Those of `published` get their grants from the publication.
alter default privileges for role meterhouse_loader in schema raw
grant select on tables to meterhouse_transformer, meterhouse_security;
alter default privileges for role meterhouse_transformer in schema staging, intermediate, marts, ledger
grant select on tables to meterhouse_security;

-- 5. What PostgreSQL lets every role do and no reader should: hold locks that others wait for, sleep, fill the log or the large objects. The functions belong to the superuser, so only one can close them; managed services have none for their customers.
do $functions$
declare
    door record;
    is_super boolean := (select rolsuper from pg_roles where rolname = current_user);
    open_still integer := 0;
begin
    for door in
        select p.oid::regprocedure as signature
        from pg_proc as p
        where
            p.pronamespace = 'pg_catalog'::regnamespace
            and (
                p.proname ~ '^pg_(try_)?advisory_'
                or p.proname in ('pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'pg_notify', 'pg_logical_emit_message')
                or p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_export', 'lo_open', 'lo_put', 'lowrite')
            )
    loop
        if is_super then
            execute format('revoke execute on function %s from public', door.signature);
        end if;
        open_still := open_still + has_function_privilege('meterhouse_reader', door.signature, 'execute')::integer;
    end loop;
    if is_super then
        -- dbt's start looks whether another dbt is alive, and waits a moment for it (dbt_project/macros/ledger/build_runs.sql).
        grant execute on function pg_sleep(double precision) to meterhouse_transformer;
        alter role meterhouse_reader set temp_file_limit = '4GB';
        alter role meterhouse_explorer set temp_file_limit = '1GB';
        alter role meterhouse_security set temp_file_limit = '4GB';
    end if;
    if open_still > 0 then
        raise warning '% functions (advisory locks, pg_sleep, large objects and the like) stay open to every role: only a superuser can close them', open_still;
    end if;
end
$functions$;

do $member$
declare
    owner text;
begin
    foreach owner in array string_to_array(trim(current_setting('meterhouse.given')), ' ') loop
        execute format('revoke %I from current_user', owner);
    end loop;
end
$member$;
