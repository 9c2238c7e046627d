-- The role by which Prometheus' exporter looks at the server: statistics, no data. Repeating this changes nothing but the password.
select 'create role metrics login' where not exists (select from pg_roles where rolname = 'metrics') \gexec
alter role metrics with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 5 password :'metrics_password';
alter role metrics set statement_timeout = '20s';
grant pg_monitor to metrics;
grant connect on database :"database" to metrics;
