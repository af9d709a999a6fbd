/** What schema/mssql.sql says. It is code too, because a bundle has no file beside it; a test compares the two. */
export const SCHEMA = `-- Sessions of fastify-sql-sessions, on SQL Server 2016 and newer or Azure SQL. Can be run again without harm.
-- The three columns are those of SCS's mssqlstore; what is different: tokens are compared exactly.
IF OBJECT_ID(N'[sessions]', N'U') IS NULL
BEGIN
  CREATE TABLE [sessions] (
    token CHAR(43) COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY,
    data VARBINARY(MAX) NOT NULL,
    expiry DATETIME2(6) NOT NULL
  );
  CREATE INDEX sessions_expiry_idx ON [sessions] (expiry);
END
`
