import { useState } from 'react'
import { keepKey, keyWanted } from '../api/key.ts'
import { useStore } from '../state/store.ts'
import { Button } from './basics.tsx'
import { Dialog } from './dialog.tsx'

/** Asks for the operator's key, where the API asked for one. */
export function KeyDialog() {
  const why = useStore(keyWanted)
  const [key, setKey] = useState('')
  if (why === '') return null
  return (
    <Dialog title="Operator’s key" onClose={() => keyWanted.set('')}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault()
          keepKey(key.trim())
          setKey('')
        }}
      >
        <p className="text-muted">The API says: {why}. The key stays in this tab, and is forgotten when it closes.</p>
        <label className="flex flex-col gap-1">
          <span className="font-medium">Key</span>
          <input
            className="field"
            type="password"
            autoComplete="off"
            required
            value={key}
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        <div className="flex justify-end gap-2">
          <Button type="submit" kind="primary">
            Use this key
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
