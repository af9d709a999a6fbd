/** What schema/mysql.sql says. It is code too, because a bundle has no file beside it; a test compares the two. */
export const SCHEMA = `-- Sessions of fastify-sql-sessions, on MySQL 8 or MariaDB 10.5 and newer. Can be run again without harm.
-- The first three columns are those of SCS's mysqlstore; what is different: tokens are compared exactly, a session may be up
-- to 16 MB (with BLOB: 64 KB), and no UPDATE sets the expiry by itself (as it does where explicit_defaults_for_timestamp is
-- off). The owner is for the option owners; SCS leaves it NULL.
CREATE TABLE IF NOT EXISTS \`sessions\` (
  \`token\` CHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  \`data\` MEDIUMBLOB NOT NULL,
  \`expiry\` TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  \`owner\` VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL,
  KEY \`sessions_expiry_idx\` (\`expiry\`),
  KEY \`sessions_owner_idx\` (\`owner\`)
) ENGINE = InnoDB;
`
