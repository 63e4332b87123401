export function SiteFooter() {
  return (
    <footer className="mt-24 border-t border-line">
      <div className="mx-auto flex max-w-7xl flex-col gap-2 px-5 py-10 text-sm text-muted sm:flex-row sm:justify-between sm:px-8">
        <p>FlowGuard Kitchen. Cooked when you order.</p>
        <p>Dishes marked “Sponsored” are shown early because a kitchen pays for it.</p>
      </div>
    </footer>
  )
}
