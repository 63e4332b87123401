import { join } from 'node:path'
import type { NextConfig } from 'next'

const PICTURE_AGE_S = 86_400

const config: NextConfig = {
  // Chosen by `main.ts`, by what the sources are.
  distDir: process.env.STORE_BUILD ?? '.next',
  poweredByHeader: false,
  reactStrictMode: true,
  transpilePackages: ['@flowguard/tracker'],
  // The checkout's own check knows the types of every part; a build that checked them again would only be slower.
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: join(import.meta.dirname, '../..') },
  devIndicators: false,
  headers: () =>
    Promise.resolve([
      {
        source: '/:path*',
        headers: [
          { key: 'X-Content-Type-Options', value: 'nosniff' },
          { key: 'X-Frame-Options', value: 'DENY' },
          { key: 'Referrer-Policy', value: 'strict-origin-when-cross-origin' },
          { key: 'Permissions-Policy', value: 'camera=(), microphone=(), geolocation=(), payment=()' },
          { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
        ],
      },
      {
        source: '/images/:path*',
        headers: [{ key: 'Cache-Control', value: `public, max-age=${PICTURE_AGE_S}, stale-while-revalidate=${PICTURE_AGE_S}` }],
      },
    ]),
}

export default config
