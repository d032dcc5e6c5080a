import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const text = new Set(['.js', '.mjs', '.css', '.html', '.svg', '.json', '.txt'])

function* files(dir: string): Generator<string> {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) yield* files(path)
    else yield path
  }
}

/** Puts a .br and a .gz beside each file that gets smaller by it. */
export function compressed(): Plugin {
  let out = ''
  return {
    name: 'docuvault-compressed',
    apply: 'build',
    configResolved(config) {
      out = config.build.outDir
    },
    closeBundle() {
      for (const path of files(out)) {
        if (!text.has(extname(path)) || path.includes('.vite')) continue
        const plain = readFileSync(path)
        const brotli = brotliCompressSync(plain, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
        })
        const gzip = gzipSync(plain, { level: 9 })
        if (brotli.length < plain.length) writeFileSync(`${path}.br`, brotli)
        if (gzip.length < plain.length) writeFileSync(`${path}.gz`, gzip)
      }
    },
  }
}

/**
 * Writes .vite/packages.json: which packages the page is made of, as the lock file
 * names them. All of them are there for development by package.json, so that it
 * cannot tell. For the bill of materials of a release.
 */
export function packages(): { page: () => Plugin; worker: () => Plugin } {
  const found = new Set<string>()
  const collect = (ids: Iterable<string>) => {
    for (const id of ids) {
      const path = /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/?]+/.exec(id.replaceAll('\\', '/'))?.[0]
      if (path) found.add(path)
    }
  }
  let out = ''
  return {
    // Workers are bundled while the page is, each by itself.
    worker: () => ({
      name: 'docuvault-packages-of-workers',
      generateBundle() {
        collect(this.getModuleIds())
      },
    }),
    page: () => ({
      name: 'docuvault-packages',
      apply: 'build',
      configResolved(config) {
        out = config.build.outDir
      },
      generateBundle() {
        collect(this.getModuleIds())
        collect(this.getWatchFiles()) // what style sheets import
      },
      writeBundle() {
        const dir = join(out, '.vite')
        mkdirSync(dir, { recursive: true })
        writeFileSync(join(dir, 'packages.json'), `${JSON.stringify([...found].sort(), null, 2)}\n`)
      },
    }),
  }
}

/**
 * Puts the character maps and standard fonts of pdf.js below /pdfjs/VERSION/:
 * papers that embed neither need them, and nothing is fetched from elsewhere.
 */
export function pdfFiles(): Plugin {
  const folder = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'))
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  let out = ''
  return {
    name: 'docuvault-pdf-files',
    config: () => ({ define: { __PDFJS_FILES__: JSON.stringify(`/pdfjs/${version}/`) } }),
    configResolved(config) {
      out = config.build.outDir
    },
    writeBundle() {
      for (const name of ['cmaps', 'standard_fonts']) {
        const from = join(folder, name)
        if (statSync(from).isDirectory()) cpSync(from, join(out, 'pdfjs', version, name), { recursive: true })
      }
    },
  }
}
