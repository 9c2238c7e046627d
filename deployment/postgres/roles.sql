-- The roles of the warehouse. Applied by deployment/postgres/apply-roles.sh at every start; repeating it changes nothing.
select format('create role %I login', name) from unnest(array['loader', 'transformer', 'reader']) as name
where not exists (select from pg_roles where rolname = name) \gexec
alter role loader with nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'loader_password';
alter role transformer with nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'transformer_password';
alter role reader with nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'reader_password';
revoke all on database :"database" from public;
grant connect, create, temporary on database :"database" to loader, transformer;
grant connect on database :"database" to reader;
