#!/usr/bin/env bash
# Makes the roles and the schema of storysync: run once by the image of PostgreSQL, on an empty volume.
# May be run again at any time: passwords are set anew, rights are granted again, data stays.
#
#   storysync_owner    owns the schema `storysync`: `storysync db upgrade`, `storysync backup restore`
#   storysync_writer   reads and writes rows, makes no tables there: the daemon, with its backups
#   storysync_reader   reads, also the tables that a later upgrade makes: people, dashboards
#
# Needs POSTGRES_USER (a superuser), POSTGRES_DB and STORYSYNC_{OWNER,WRITER,READER}_PASSWORD_FILE.
set -euo pipefail

password() { # VARIABLE: what stands in the file that it names
    local file=${!1:-}
    if [ -z "$file" ] || [ ! -s "$file" ]; then
        echo "10-roles.sh: $1 must name a file with a password" >&2
        return 1
    fi
    cat "$file"
}

owner_password=$(password STORYSYNC_OWNER_PASSWORD_FILE)
writer_password=$(password STORYSYNC_WRITER_PASSWORD_FILE)
reader_password=$(password STORYSYNC_READER_PASSWORD_FILE)
export owner_password writer_password reader_password

# Passwords reach psql by its environment and the server as quoted texts, never by a command line or a log.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv owner_password owner_password
\getenv writer_password writer_password
\getenv reader_password reader_password
\set schema storysync
\set owner storysync_owner
\set writer storysync_writer
\set reader storysync_reader

SET client_min_messages = warning;
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
BEGIN;

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY[:'owner', :'writer', :'reader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
-- Both may make databases: a backup is proven by restoring it into one of its own, which is dropped then.
ALTER ROLE :"owner" LOGIN NOSUPERUSER CREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE :"writer" LOGIN NOSUPERUSER CREATEDB NOCREATEROLE PASSWORD :'writer_password';
ALTER ROLE :"reader" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'reader_password';

-- The owner may make schemas (one for each project, scratch ones), the writer temporary tables, others nothing.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE :"DBNAME" TO :"owner";
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO :"writer";
GRANT CONNECT ON DATABASE :"DBNAME" TO :"reader";

CREATE SCHEMA IF NOT EXISTS :"schema" AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA :"schema" TO :"writer", :"reader";
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO :"reader";
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA :"schema" TO :"writer";
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA :"schema" TO :"writer";

-- The same for whatever the owner makes later, in any schema.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE ON SCHEMAS TO :"writer", :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT ON TABLES TO :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO :"writer";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO :"writer";

-- `SELECT * FROM v_ready` works without naming the schema; the reader's sessions are read-only from the start.
SELECT format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', name, :'DBNAME', :'schema')
FROM unnest(ARRAY[:'owner', :'writer', :'reader']) AS name
\gexec
ALTER ROLE :"reader" IN DATABASE :"DBNAME" SET default_transaction_read_only = on;
COMMIT;
SQL
