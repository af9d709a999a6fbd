/** The root of the repository; this module runs from dist/bench/. */
export const root = new URL('../../', import.meta.url)
/** The benchmark's own folder, with what is not compiled. */
export const bench = new URL('bench/', root)
/** What is built on demand. */
export const built = new URL('dist/bench/', root)
/** The figures of the last run of each series. */
export const results = new URL('results/', bench)
/** Their plots. */
export const plots = new URL('plots/', bench)
