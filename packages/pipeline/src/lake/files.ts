/** A file of the lake by its name: folders and file between slashes, from the lake's own root on. */
export interface LakeFile {
  name: string
  bytes: number
}

/** Named files that are whole or not there at all, whoever looks when, and survive `kill -9` once written. */
export interface LakeFiles extends AsyncDisposable {
  /** As an operator knows it, for messages. */
  readonly where: string
  /** What was under the name gives way. Resolves once it survives. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** Of several at once, one makes it: resolves to false where the name is taken, and changes nothing. A failure may have made it all the same. */
  create(name: string, bytes: Uint8Array): Promise<boolean>
  /** Undefined where there is none. */
  get(name: string): Promise<Uint8Array | undefined>
  /** All under a folder (`events/`; `''` is everything), in the order of their names. */
  list(folder: string): AsyncIterable<LakeFile>
  /** None of the name is as good. */
  remove(name: string): Promise<void>
}

const NAME = /^[\w=-][\w=.-]*(?:\/[\w=-][\w=.-]*)*$/

/** Whether it is a name that a lake gives: nothing hidden, and no way out of the lake's own root. */
export const isLakeName = (name: string): boolean => NAME.test(name)
