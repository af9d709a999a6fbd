import { defineConfig } from 'vitepress'

const page = (text, link) => ({ text, link })

export default defineConfig({
  title: 'fastify-sql-sessions',
  description: 'Server-side sessions for Fastify in MySQL, MariaDB and SQL Server',
  lang: 'en',
  srcDir: 'pages',
  outDir: 'dist',
  cleanUrls: true,
  // VitePress knows pages only; build.js checks the links to other files.
  ignoreDeadLinks: [/\.(ts|sql|svg|json|go)$/, /LICENSE$/, /\/with-scs\/\w+$/],
  themeConfig: {
    search: { provider: 'local' },
    nav: [page('Start', '/'), page('API', '/api/'), page('Performance', '/bench/'), page('Changelog', '/CHANGELOG')],
    sidebar: [
      { text: 'Start', items: [page('Quick start and reference', '/'), page('Coming from another plugin', '/docs/migrating'), page('Works with', '/docs/works-with')] },
      {
        text: 'The session',
        items: [page('Concurrency', '/docs/concurrency'), page('Cookies and proxies', '/docs/cookies'), page('Lifetimes', '/docs/lifetimes'), page('Sessions that outlive a request', '/docs/long-lived'), page('The sessions of a user', '/docs/users'), page('Values', '/docs/values'), page('Errors and logs', '/docs/errors')]
      },
      {
        text: 'Stores',
        items: [page('Stores and engines', '/docs/stores'), page('SQL Server', '/docs/sql-server'), page('Engines one by one', '/docs/engines'), page('A store of your own', '/docs/custom-store'), page('Sharing with SCS', '/docs/scs')]
      },
      { text: 'In production', items: [page('Operations', '/docs/operations'), page('The command line', '/docs/command-line'), page('Monitoring', '/docs/monitoring'), page('Prometheus', '/docs/prometheus'), page('OpenTelemetry', '/docs/opentelemetry'), page('Threats', '/docs/threats'), page('Performance', '/bench/')] },
      { text: 'The project', items: [page('API', '/api/'), page('Contributing', '/CONTRIBUTING'), page('Security', '/SECURITY'), page('Changelog', '/CHANGELOG')] }
    ],
    outline: [2, 3]
  }
})
