import neostandard, { plugins } from 'neostandard'

/*
 * The floors of the product, from the top down, and what the files of each may import: files of their own floor and of the
 * floors below. A source that is not listed here is an error, so a new folder or package needs a decision.
 */
const ROOT_BELOW = '../(?!index\\.js|hooks\\.js)[\\w-]+\\.js'
const STORES_SHARED = '../../stores/(express/source|[\\w-]+)\\.js'
const FLOORS = {
  // The root sees all of the plugin and the stores, but no SQL driver.
  'plugin/*.ts': ['./.*', '../stores/.*', 'fastify', 'fastify-plugin', '@fastify/(cookie|error)'],
  'plugin/session/**': ['./[^/]+', '../(commit|codecs)/[^/]+', ROOT_BELOW, STORES_SHARED, 'fastify'],
  'plugin/owners/**': ['./[^/]+', '../(commit|codecs|session)/[^/]+', ROOT_BELOW, STORES_SHARED],
  'plugin/commit/**': ['./[^/]+', '../codecs/[^/]+', ROOT_BELOW, STORES_SHARED],
  'plugin/codecs/*.ts': ['./[^/]+', './gob/[^/]+', '../errors\\.js', STORES_SHARED],
  'plugin/codecs/gob/**': ['./[^/]+', '../[^/]+', '../../errors\\.js', '../../../stores/[\\w-]+\\.js'],
  // A store does not know Fastify. Of its packages only the errors' is shared.
  'stores/*.ts': ['./[^/]+', '@fastify/error'],
  'stores/memory/**': ['./[^/]+', '../[^/]+'],
  'stores/sql/**': ['./[^/]+', '../[^/]+'],
  'stores/mysql/**': ['./[^/]+', '../[^/]+', '../sql/[^/]+', 'mysql2'],
  'stores/mssql/**': ['./[^/]+', '../[^/]+', '../sql/[^/]+', 'mssql'],
  'stores/express/**': ['./[^/]+', '../[^/]+', '../sql/[^/]+', '../mysql/[^/]+', '../mssql/[^/]+'],
  // The command line uses stores and codecs, and is used by nobody: an application never loads it.
  'cli/*.ts': ['./(commands/|databases/)?[\\w-]+\\.js', '../stores/.*', '../plugin/codecs/.*'],
  'cli/commands/**': ['./[^/]+', '../(databases/)?[^/]+', '../../stores/.*', '../../plugin/codecs/.*'],
  'cli/databases/**': ['./[^/]+', '../[^/]+', '../../stores/.*'],
  'stores/testing/**': ['./[^/]+', '../store\\.js']
}

const style = neostandard({ ts: true, noJsx: true, ignores: ['dist', 'node_modules', 'bench/node_modules', 'site/node_modules', 'site/dist', 'site/pages', 'site/.vitepress/cache'] })

export default [
  ...style,
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    rules: {
      ...withoutJsx(style),
      // TypeScript tells the same: noUnusedLocals in tsconfig.json, and the errors 2448 to 2451.
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/no-redeclare': 'off',
      '@typescript-eslint/no-use-before-define': 'off',
      // A promise that is left alone on purpose says so.
      'no-void': ['error', { allowAsStatement: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error'
    }
  },
  {
    files: ['plugin/**', 'stores/**', 'cli/**'],
    rules: { 'max-lines': ['error', { max: 320 }] }
  },
  ...Object.entries(FLOORS).map(([files, sources]) => floor(files, sources))
]

/** Lets the files import these sources and Node's own modules, and nothing else, by a statement, an `import()` or a type. */
function floor (files, sources) {
  const others = `^(?!(?:node:.+|${sources.join('|')})$)`
  const message = `A file of ${files} may not import this: the floors of eslint.config.js say what it may.`
  const literal = `[value=/${others.replaceAll('/', '\\u002F')}/]`
  return {
    files: [files],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: others, message }] }],
      'no-restricted-syntax': ['error', ...[`ImportExpression > Literal.source${literal}`, `TSImportType Literal${literal}`].map(selector => ({ selector, message }))]
    }
  }
}

/** The rule of indents without its exceptions for JSX: it looks for them at every place of every file. */
function withoutJsx (configs) {
  const name = '@stylistic/indent'
  const [severity, size, options] = configs.findLast(({ rules }) => rules?.[name] !== undefined).rules[name]
  return { [name]: [severity, size, { ...options, ignoredNodes: options.ignoredNodes.filter(node => !node.startsWith('JSX')) }] }
}
