import type { Metadata, Viewport } from 'next'
import localFont from 'next/font/local'
import { cookies } from 'next/headers'
import type { ReactNode } from 'react'
import { PageViews } from '../components/page-views.tsx'
import { SiteFooter } from '../components/site-footer.tsx'
import { SiteHeader } from '../components/site-header.tsx'
import { storeSettings } from '../lib/settings.ts'
import { readTheme, THEME_COOKIE } from '../lib/theme.ts'
import './globals.css'

const inter = localFont({
  src: '../../../../node_modules/@fontsource-variable/inter/files/inter-latin-opsz-normal.woff2',
  variable: '--font-inter',
  weight: '100 900',
  display: 'swap',
})
// The rupee sign stands in another file of the same face.
const signs = localFont({
  src: '../../../../node_modules/@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2',
  variable: '--font-inter-signs',
  weight: '100 900',
  display: 'swap',
  preload: false,
  adjustFontFallback: false,
  declarations: [{ prop: 'unicode-range', value: 'U+0100-02BA, U+1E00-1E9F, U+20A0-20C0' }],
})

export const metadata: Metadata = {
  title: { default: 'FlowGuard Kitchen: good food, on its way', template: '%s · FlowGuard Kitchen' },
  description: 'Biryani, dosa, pizza and more from the kitchens nearby, cooked when you order and brought to your door.',
}

export const viewport: Viewport = {
  width: 'device-width',
  initialScale: 1,
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#fafaf5' },
    { media: '(prefers-color-scheme: dark)', color: '#0c1512' },
  ],
}

export default async function RootLayout({ children }: { children: ReactNode }) {
  const theme = readTheme((await cookies()).get(THEME_COOKIE)?.value)
  const { publicGatewayUrl, publicKey } = storeSettings()
  return (
    <html lang="en" data-theme={theme} className={`${inter.variable} ${signs.variable}`}>
      <head>
        <meta name="flowguard-gateway" content={publicGatewayUrl} />
        {publicKey && <meta name="flowguard-key" content={publicKey} />}
      </head>
      <body className="flex min-h-dvh flex-col bg-canvas font-sans text-ink">
        <SiteHeader />
        <main id="main" tabIndex={-1} className="flex-1 outline-none">
          {children}
        </main>
        <SiteFooter />
        <PageViews />
      </body>
    </html>
  )
}
