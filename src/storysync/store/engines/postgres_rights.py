"""Who may do what in a schema, given to another schema that has tables of the same names."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import errors, sql

from storysync.store.engines.postgres import Connection

_NAMED = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END"
_OPTION = "CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"

_OF_SCHEMA = f"""
SELECT format('REVOKE ALL ON SCHEMA %I FROM %s', n.nspname, {_NAMED})
FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = %(new)s AND a.grantee <> n.nspowner
UNION ALL
SELECT format('GRANT %s ON SCHEMA %I TO %s%s', a.privilege_type, %(new)s::text, {_NAMED}, {_OPTION})
FROM pg_namespace o, aclexplode(o.nspacl) a WHERE o.nspname = %(old)s AND a.grantee <> o.nspowner
UNION ALL
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I GRANT %s ON %s TO %s%s',
              d.defaclrole::regrole, %(new)s::text, a.privilege_type,
              CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                                   WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END, {_NAMED}, {_OPTION})
FROM pg_default_acl d, aclexplode(d.defaclacl) a
WHERE d.defaclnamespace = to_regnamespace(quote_ident(%(old)s)) AND pg_has_role(d.defaclrole, 'MEMBER')
"""

_BOTH = """
SELECT n.oid, n.relname, n.relacl AS new_acl, o.oid AS old, o.relacl AS old_acl, o.relowner AS old_owner,
       n.relowner AS new_owner,
       CASE n.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
FROM pg_class n JOIN pg_class o USING (relname, relkind)
WHERE n.relnamespace = to_regnamespace(quote_ident(%(new)s))
  AND o.relnamespace = to_regnamespace(quote_ident(%(old)s)) AND n.relkind IN ('r', 'p', 'v', 'm', 'S')
"""

_OF_OBJECTS = f"""
WITH both_of AS MATERIALIZED ({_BOTH})
SELECT format('REVOKE ALL ON %s %I.%I FROM %s', kind, %(new)s::text, relname, {_NAMED})
FROM both_of, aclexplode(new_acl) a WHERE a.grantee <> new_owner
UNION ALL
SELECT format('GRANT %s ON %s %I.%I TO %s%s', a.privilege_type, kind, %(new)s::text, relname,
              {_NAMED}, {_OPTION})
FROM both_of, aclexplode(old_acl) a WHERE a.grantee <> old_owner
UNION ALL
SELECT format('GRANT %s (%I) ON TABLE %I.%I TO %s%s', a.privilege_type, oc.attname, %(new)s::text,
              relname, {_NAMED}, {_OPTION})
FROM both_of JOIN pg_attribute oc ON oc.attrelid = old JOIN pg_attribute nc
     ON nc.attrelid = oid AND nc.attname = oc.attname, aclexplode(oc.attacl) a WHERE a.grantee <> old_owner
"""


def carry_to_schema(connection: Connection, old: str, new: str) -> None:
    """What of a schema itself was granted, and what its new tables will grant, as far as we may say that."""
    _run(connection, _OF_SCHEMA, old, new)


def carry_to_objects(connection: Connection, old: str, new: str) -> None:
    """What was granted of tables, views, sequences and columns that both schemas have."""
    _run(connection, _OF_OBJECTS, old, new)


def grant_leniently(connection: Connection, statements: Iterable[bytes]) -> None:
    """Run statements that grant; those that name a role which is not there, or that we may not, are left."""
    for one in statements:
        try:
            with connection.transaction():
                connection.execute(one)
        except (errors.UndefinedObject, errors.InsufficientPrivilege):
            continue


def owners(connection: Connection, schema: str) -> tuple[str, str] | None:
    """Who owns a schema, and who its tables; None when there is none."""
    row = connection.execute(
        "SELECT pg_get_userbyid(n.nspowner), pg_get_userbyid(coalesce((SELECT c.relowner"
        " FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')"
        " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1), n.nspowner)) FROM pg_namespace n WHERE n.nspname = %s",
        (schema,),
    ).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def become(connection: Connection, role: str) -> None:
    """Be another role until the end of the transaction; nothing when it is who we are."""
    row = connection.execute("SELECT current_user").fetchone()
    if row is None or row[0] != role:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def _run(connection: Connection, question: str, old: str, new: str) -> None:
    statements = connection.execute(
        # `%` of format() belongs to the server, not to the driver.
        sql.SQL(question.replace("%s", "%%s").replace("%I", "%%I")),
        {"old": old, "new": new},
    ).fetchall()
    for (statement,) in statements:
        connection.execute(statement.encode())
