import { useState } from 'react'
import { download } from '../api/download.ts'
import { Button } from './basics.tsx'

/** Keeps what is shown as a file: `path` is what it is shown of. */
export function CsvButton({ path, of }: { path: string; of: string }) {
  const [isBusy, setBusy] = useState(false)
  const [fault, setFault] = useState('')
  const keep = async () => {
    setBusy(true)
    setFault('')
    await download(`${path}&format=csv`).catch((error: unknown) => setFault((error as Error).message))
    setBusy(false)
  }
  return (
    <>
      {fault !== '' && (
        <span role="alert" className="text-bad">
          {fault}
        </span>
      )}
      <Button aria-label={`CSV of ${of}`} disabled={isBusy} onClick={() => void keep()}>
        CSV
      </Button>
    </>
  )
}
