import { Button } from '../../ui/basics.tsx'
import { Dialog } from '../../ui/dialog.tsx'

/** Before an edit is lost. */
export function GiveUp({ onKeep, onGiveUp }: { onKeep: () => void; onGiveUp: () => void }) {
  return (
    <Dialog title="Give up the edit?" onClose={onKeep}>
      <p className="mb-3">What you have written has not been sent.</p>
      <div className="flex justify-end gap-2">
        <Button onClick={onKeep}>Keep editing</Button>
        <Button kind="danger" onClick={onGiveUp}>
          Give it up
        </Button>
      </div>
    </Dialog>
  )
}
