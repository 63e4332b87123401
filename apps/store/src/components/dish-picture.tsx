/** The dish as drawn for this shop. It stands beside the name, so it says nothing by itself. */
export function DishPicture({ src, eager = false, className = '' }: { src: string; eager?: boolean; className?: string }) {
  return (
    <img
      src={src || '/images/plate.svg'}
      alt=""
      width={480}
      height={360}
      loading={eager ? 'eager' : 'lazy'}
      decoding="async"
      className={`aspect-4/3 w-full object-cover ${className}`}
    />
  )
}
