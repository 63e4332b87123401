import { Component, type ReactNode } from 'react'
import { Button, Page } from './basics.tsx'

/** What cannot be shown says so in its place, and the rest stays: a link to what never was, or a part of the console that a newer build has replaced. */
export class Boundary extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {}

  static getDerivedStateFromError(error: unknown) {
    return { error: error instanceof Error ? error : new Error(String(error)) }
  }

  override render() {
    const { error } = this.state
    if (!error) return this.props.children
    return (
      <Page
        title="This page cannot be shown"
        about="Either its address says something that cannot be, or a newer console has taken this one's place."
      >
        <div role="alert" className="mx-4 flex flex-wrap items-center gap-3 rounded-md bg-bad-soft px-3 py-2 text-bad md:mx-6">
          <span className="min-w-0 flex-1 break-words">{error.message}</span>
          <Button onClick={() => window.location.assign(window.location.pathname)}>Without what the address asks</Button>
          <Button onClick={() => window.location.reload()}>Reload</Button>
        </div>
      </Page>
    )
  }
}
