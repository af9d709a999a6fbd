/** What schema/mssql.sql says. It is code too, because a bundle has no file beside it; a test compares the two. */
export const SCHEMA = `-- The table of fastify-sql-sessions, for SQL Server 2016 or newer and Azure SQL. This script may run more than once.
-- The first three columns are those of SCS's mssqlstore; the owner is for the option owners, and SCS leaves it NULL. Tokens
-- are compared exactly, whatever the collation of the database.
IF OBJECT_ID(N'[sessions]', N'U') IS NULL
BEGIN
  CREATE TABLE [sessions] (
    token CHAR(43) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY,
    data VARBINARY(MAX) NOT NULL,
    expiry DATETIME2(6) NOT NULL,
    owner VARCHAR(191) COLLATE Latin1_General_BIN2 NULL
  );
  CREATE INDEX sessions_expiry_idx ON [sessions] (expiry);
  CREATE INDEX sessions_owner_idx ON [sessions] (owner);
END
`
