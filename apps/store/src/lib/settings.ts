/** What the store is told, read at run time: the same build serves on any ports. */
export interface StoreSettings {
  /** The catalogue and the gateway, as this server reaches them. */
  catalogUrl: string
  gatewayUrl: string
  /** The key that this server reads orders with; empty where none is needed. */
  readKey: string
  /** The gateway and the write key, as a browser is told them. */
  publicGatewayUrl: string
  publicKey: string
  adsFile: string
}

export function storeSettings(env: NodeJS.Dict<string> = process.env): StoreSettings {
  const gatewayUrl = address(env.GATEWAY_URL, env.GATEWAY_PORT ?? '8000')
  return {
    catalogUrl: address(env.CATALOG_URL, env.CATALOG_PORT ?? '8001'),
    gatewayUrl,
    readKey: env.WRITE_KEY ?? '',
    publicGatewayUrl: env.PUBLIC_GATEWAY_URL ? withoutSlash(env.PUBLIC_GATEWAY_URL) : gatewayUrl,
    publicKey: env.PUBLIC_WRITE_KEY ?? '',
    adsFile: env.ADS_FILE || '../../data/ads.json',
  }
}

const address = (url: string | undefined, port: string) => (url ? withoutSlash(url) : `http://127.0.0.1:${port}`)
const withoutSlash = (url: string) => url.replace(/\/+$/, '')
