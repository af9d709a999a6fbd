module fastify-sql-sessions/test/scs

go 1.24.0
