import { join } from 'node:path'
import { needJava } from './maven.ts'
import { installPython, pythonLib } from './python.ts'
import { VERSIONS } from './versions.ts'

/** Half a gigabyte, once. There is no server: FlowGuard starts it for each run. */
export async function installSpark(): Promise<void> {
  needJava()
  await installPython('spark', VERSIONS.spark, [`pyspark==${VERSIONS.spark}`])
}

/** SPARK_HOME of what is installed. */
export const sparkHome = (): string => join(pythonLib('spark', VERSIONS.spark), 'pyspark')
