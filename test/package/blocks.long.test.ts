import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { blocks, ROOT, type Block } from './blocks.js'

/*
 * Every block of JavaScript or TypeScript of the README and of the pages compiles. Most are a part of an application: what
 * they do not declare themselves is declared before them, in the same line, so that errors keep their place.
 */

/** What a reader takes for granted in a part of an application. */
const AROUND: Readonly<Record<string, string>> = {
  Fastify: 'declare const Fastify: typeof import("fastify").default',
  FastifyError: 'type FastifyError = import("fastify").FastifyError',
  app: 'declare const app: import("fastify").FastifyInstance & { mysql: { pool: import("mysql2").Pool }, mssql: { pool: import("fastify-sql-sessions").MssqlSource } }',
  request: 'declare const request: import("fastify").FastifyRequest',
  reply: 'declare const reply: import("fastify").FastifyReply',
  io: 'type Socket = { handshake: { headers: { cookie?: string | undefined } }, data: { session: import("fastify-sql-sessions").Session }, disconnect (close: boolean): void, on (event: string, listener: () => void): void }; declare const io: { use (middleware: (socket: Socket, next: (error?: Error) => void) => void): void, on (event: "connection", listener: (socket: Socket) => void): void }',
  handler: 'declare const handler: import("fastify").RouteHandlerMethod',
  sessions: 'declare const sessions: typeof import("fastify-sql-sessions").default',
  options: 'declare const options: import("fastify-sql-sessions").SessionOptions',
  url: 'declare const url: string',
  password: 'declare const password: string',
  connectionString: 'declare const connectionString: string',
  config: 'declare const config: object',
  pool: 'declare const pool: import("fastify-sql-sessions").MysqlSource & import("fastify-sql-sessions").MssqlSource',
  fastifyMysql: 'declare const fastifyMysql: import("fastify").FastifyPluginCallback<{ connectionString: string }>',
  fastifyMssql: 'declare const fastifyMssql: import("fastify").FastifyPluginCallback<object>',
  fastifyPassport: 'declare const fastifyPassport: typeof import("@fastify/passport").default',
  expressStore: 'declare const expressStore: import("fastify-sql-sessions").ExpressStore',
  myStore: 'declare const myStore: import("fastify-sql-sessions").SessionStore',
  makeMyStore: 'declare function makeMyStore (): import("fastify-sql-sessions").SessionStore',
  buildApplication: 'declare function buildApplication (options: import("fastify-sql-sessions").SessionOptions): import("fastify").FastifyInstance',
  listOrders: 'declare function listOrders (userId: unknown): Promise<object[]>',
  assert: 'declare const assert: typeof import("node:assert/strict")'
}

const { ES2022 } = ts.ScriptTarget
const NODE = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, noEmit: true, skipLibCheck: true } as const
const SETTINGS: ReadonlyArray<readonly [string, ts.CompilerOptions]> = [
  ['strict', { ...NODE, target: ES2022, strict: true, types: ['node'] }],
  ['with the settings of tsc --init', {
    ...NODE,
    target: ts.ScriptTarget.ESNext,
    strict: true,
    types: [],
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    noUncheckedSideEffectImports: true,
    moduleDetection: ts.ModuleDetectionKind.Force
  }]
]

const NODE_STRICT = SETTINGS[0]?.[1] as ts.CompilerOptions

const code = blocks().filter(({ language }) => ['js', 'ts'].includes(language))

for (const [name, options] of SETTINGS) {
  t.test(`every block of code compiles ${name}`, async t => {
    t.ok(code.length > 20)
    const complaints = compile(code, options)
    for (const { place } of code) t.strictSame(complaints.get(place) ?? [], [], place)
  })
}

t.test('a block that is wrong is found', async t => {
  const wrong = (line: string): Block => ({ place: 'README.md:1', language: 'ts', code: `${line}\n` })
  for (const line of ['request.session.puts(1)', "await app.register(sessions, { store: 'mongo' })", 'console.log(unknown)', 'const n: number = request.session.get(\'a\')']) {
    t.equal(compile([wrong(line)], NODE_STRICT).get('README.md:1')?.length, 1, line)
  }
})

/** What TypeScript says of each block, by its place. JavaScript is checked as TypeScript: it has the same types to look at. */
function compile (code: readonly Block[], options: ts.CompilerOptions): Map<string, string[]> {
  const complaints = new Map<string, string[]>()
  const sources = new Map(code.map((block, i) => [join(ROOT, 'docs', `block-${i}.ts`), block]))
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = file => sources.has(file) || fileExists(file)
  host.getSourceFile = (file, version, ...rest) => {
    const block = sources.get(file)
    return block === undefined ? getSourceFile(file, version, ...rest) : ts.createSourceFile(file, whole(block), version)
  }
  const program = ts.createProgram([...sources.keys()], options, host)
  for (const { file, start = 0, messageText } of ts.getPreEmitDiagnostics(program)) {
    const block = file === undefined ? undefined : sources.get(file.fileName)
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    if (block === undefined || file === undefined) throw new Error(text)
    const line = file.getLineAndCharacterOfPosition(start).line
    complaints.set(block.place, [...complaints.get(block.place) ?? [], `${block.code.split('\n')[line]}: ${text}`])
  }
  return complaints
}

/** The block with what it takes for granted before it. */
function whole ({ code }: Block): string {
  const own = declaredIn(code)
  const needed = Object.entries(AROUND).filter(([name]) => !own.has(name) && new RegExp(`\\b${name}\\b`).test(code))
  return `${needed.map(([, declaration]) => `${declaration}; `).join('')}${code}\nexport {}\n`
}

/** The names that the code declares for itself. */
function declaredIn (code: string): Set<string> {
  const names = new Set<string>()
  const visit = (node: ts.Node): void => {
    const isDeclaration = ts.isVariableDeclaration(node) || ts.isBindingElement(node) || ts.isFunctionDeclaration(node) || ts.isImportClause(node) || ts.isImportSpecifier(node) || ts.isNamespaceImport(node)
    if (isDeclaration && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text)
    // What stands in a function is not declared for the others.
    if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit)
  }
  ts.forEachChild(ts.createSourceFile('block.ts', code, ES2022), visit)
  return names
}
