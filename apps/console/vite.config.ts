import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const COMPRESSED = /\.(js|css|html|svg)$/
const OPS_URL = process.env['OPS_URL'] ?? 'http://127.0.0.1:8080'

/** Beside each file its compressed forms: the server sends what a browser takes, and compresses nothing itself. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    async writeBundle({ dir = 'dist' }) {
      const files = await readdir(dir, { recursive: true })
      for (const file of files.filter((name) => COMPRESSED.test(name))) {
        const bytes = await readFile(join(dir, file))
        await writeFile(join(dir, `${file}.gz`), gzipSync(bytes, { level: 9 }))
        await writeFile(join(dir, `${file}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 10 } }))
      }
    },
  }
}

export default defineConfig({
  plugins: [react(), tailwindcss(), compressed()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { proxy: { '/api': OPS_URL } },
})
