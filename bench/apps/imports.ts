// Prints the CPU time, in milliseconds, that the import of these modules takes when Fastify has been imported.
await import('fastify')
const before = process.cpuUsage()
for (const name of process.argv.slice(2)) await import(name)
const { user, system } = process.cpuUsage(before)
console.log((user + system) / 1000)
