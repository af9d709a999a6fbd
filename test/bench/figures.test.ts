import t from 'tap'
import { rivalOf } from '../../bench/applications.js'
import { contentOf } from '../../bench/apps/content.js'
import { cpuTime, ticksIn } from '../../bench/cpu.js'
import { reader, type Request } from '../../bench/databases/tds-meter.js'
import { ratio, spread, type Figure } from '../../bench/figures.js'
import { readOptions } from '../../bench/options.js'
import { markdown } from '../../bench/table.js'

const figure = (application: string, round: number, measured: Partial<Figure>): Figure =>
  ({ operation: 'reads', point: 64, application, round, ...measured })

void t.test('a spread has the median of an odd and of an even number of values', async t => {
  t.same(spread([3, 1, 2]), { median: 2, low: 1, high: 3 })
  t.same(spread([4, 1, 2, 3]), { median: 2.5, low: 1, high: 4 })
})

void t.test('a ratio compares round by round, and says how many times better ours is', async t => {
  const ours = [figure('ours', 1, { rate: 20, cpu: 10 }), figure('ours', 2, { rate: 60, cpu: 5 })]
  const theirs = [figure('scs', 2, { rate: 20, cpu: 20 }), figure('scs', 1, { rate: 10, cpu: 20 })]
  t.same(ratio(ours, theirs, 'rate'), { median: 2.5, low: 2, high: 3 })
  t.same(ratio(ours, theirs, 'cpu'), { median: 3, low: 2, high: 4 })
  t.ok(Number.isNaN(ratio(ours, theirs, 'databaseCpu').median), 'what was not measured has no ratio')
})

void t.test('an application is compared with this package on the same store', async t => {
  const names = ['ceiling', 'ours-memory', 'ours', 'ours-other', 'fastify-session', 'fastify-session-memory']
  t.equal(rivalOf('fastify-session', names), 'ours')
  t.equal(rivalOf('fastify-session-memory', names), 'ours-memory')
  t.equal(rivalOf('ours-other', names), 'ours')
  t.equal(rivalOf('ours', names), undefined)
  t.equal(rivalOf('ceiling', names), 'ours-memory')
})

void t.test('a table has the multiple of the ceiling and the ratio to ours', async t => {
  const figures = [figure('ceiling', 1, { cpu: 10, totalCpu: 10 }), figure('ours', 1, { cpu: 20, totalCpu: 25 }), figure('scs', 1, { cpu: 60, totalCpu: 100 })]
  const text = markdown({
    series: 'cost', title: '', axis: 'connections', unit: 'totalCpu', columns: ['cpu'], overCeiling: 'cpu', environment: [], figures, notes: []
  })
  t.match(text, /\| 64 \| fastify-sql-sessions \| 20\.0 \| 2\.00 \| – \|/)
  t.match(text, /\| 64 \| SCS in Go \+ mysqlstore \| 60\.0 \| 6\.00 \| 4\.00 \|/)
})

void t.test('the ticks of a process are found whatever its name is', async t => {
  t.equal(ticksIn('7 (a) b (c)) S 1 1 1 0 -1 4194560 100 0 0 0 40 2 0 0 20 0 7 0 100'), 42)
})

void t.test('the CPU time of a process that is not there is not known', async t => {
  t.ok(Number.isNaN(cpuTime([2 ** 31 - 1])))
  t.ok(Number.isNaN(cpuTime([])))
})

void t.test('a session of the benchmark has as many bytes as it should', async t => {
  for (const bytes of [300, 4000, 60_000]) {
    const length = JSON.stringify(contentOf('1234', bytes)).length
    t.ok(Math.abs(length - bytes) < 10, `${length} bytes for ${bytes}`)
  }
})

/** A TDS packet. */
function packet (type: number, isLast: boolean, body: Buffer): Buffer {
  const header = Buffer.from([type, isLast ? 1 : 0, 0, 0, 0, 0, 1, 0])
  header.writeUInt16BE(8 + body.length, 2)
  return Buffer.concat([header, body])
}

void t.test('the meter counts requests of several packets, however the stream is cut, and no login', async t => {
  const sql = Buffer.from(`UPDATE sessions SET data = (SELECT 1)${' '.repeat(100)}`, 'utf16le')
  const stream = Buffer.concat([
    packet(18, true, Buffer.alloc(30)), packet(16, true, Buffer.alloc(50)),
    packet(3, true, Buffer.from('SELECT 1;', 'utf16le')),
    packet(3, false, sql.subarray(0, 9)), packet(3, true, sql.subarray(9))
  ])
  for (const size of [1, 7, stream.length]) {
    const told: Request[] = []
    const push = reader(request => told.push(request))
    for (let at = 0; at < stream.length; at += size) push(stream.subarray(at, at + size))
    t.same(told, [{ verb: 'UPDATE', bytes: sql.length + 16 }], `in pieces of ${size} bytes`)
  }
})

void t.test('options are checked', async t => {
  t.throws(() => readOptions(['--rounds', '0'], {}), /--rounds needs a whole number from 1, not 0/)
  t.throws(() => readOptions(['--nonsense'], {}))
  t.equal(readOptions(['--help'], {}), undefined)
  t.same(readOptions(['--series', 'cost, reads', '--points', '0,50'], { MYSQL_URL: '' }), {
    rounds: 5,
    seconds: 4,
    warmUp: 2,
    requests: 100_000,
    series: ['cost', 'reads'],
    peers: undefined,
    kinds: undefined,
    points: [0, 50],
    vs: undefined,
    mysql: undefined,
    mssql: undefined,
    quick: false,
    profile: undefined,
    plot: false
  })
})
