import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { goProgram } from './go.ts'
import type { Ports } from './ports.ts'
import type { RunFolder } from './run-folder.ts'
import { serverOf, type Server } from './server.ts'
import { VERSIONS } from './versions.ts'

const READY_MS_MAX = 20_000
const STOP_MS_MAX = 10_000
const ASK_MS_MAX = 3_000

/** Of the launcher's own server, which listens on this machine alone: no secret of anybody. */
export const S3_KEYS = { access: 'flowguard', secret: 'flowguard-on-this-machine', region: 'us-east-1' } as const

/** Is there from the beginning. */
export const S3_BUCKET = 'flowguard'

export interface S3Tools {
  gateway: string
}

export async function installS3(): Promise<S3Tools> {
  return { gateway: await goProgram('versitygw', 'github.com/versity/versitygw/cmd/versitygw', VERSIONS.versitygw) }
}

/** Objects are files in a folder. */
export function startS3(folder: RunFolder, { gateway }: S3Tools, ports: Ports): Server[] {
  const data = folder.path('s3', 'data')
  // A bucket is a folder.
  mkdirSync(join(data, S3_BUCKET), { recursive: true })
  const { access, secret, region } = S3_KEYS
  return [
    serverOf(folder, {
      name: 's3',
      program: gateway,
      args: ['--quiet', '--port', `127.0.0.1:${ports.s3}`, '--region', region, 'posix', data],
      env: { ...process.env, ROOT_ACCESS_KEY: access, ROOT_SECRET_KEY: secret },
      ports: [ports.s3],
      // Refuses who has no key, in S3's own words.
      isReady: async () => {
        const response = await fetch(`http://127.0.0.1:${ports.s3}/`, { signal: AbortSignal.timeout(ASK_MS_MAX) })
        return response.status === 403 && (await response.text()).includes('AccessDenied')
      },
      readyMsMax: READY_MS_MAX,
      stopMsMax: STOP_MS_MAX,
    }),
  ]
}
