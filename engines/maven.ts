import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, need } from './command.ts'

const MAVEN_MS_MAX = 10 * 60_000

/** An engine that runs on Java. */
export interface JavaTools {
  java: string
  /** The jars. */
  lib: string
}

interface Dependency {
  group: string
  artifact: string
  version: string
  /** It has in it what it needs, so that nothing else is fetched. */
  isWhole?: true
}

export const needJava = () => need('java', 'Java 17 or newer (Debian: default-jre-headless)')

/** What fetches engines that run on Java; asked for before anything is fetched. */
export const needMaven = (what: string) => need('mvn', `Maven, which fetches ${what} (Debian: maven)`)

/** Fetches the jars into `lib` of the folder. */
export async function fetchJars(maven: string, folder: string, dependencies: readonly Dependency[]): Promise<void> {
  writeFileSync(join(folder, 'pom.xml'), pomOf(dependencies))
  const args = ['-B', '-q', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime']
  await command(maven, args, { cwd: folder, msMax: MAVEN_MS_MAX })
}

const ALONE = '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'

function pomOf(dependencies: readonly Dependency[]): string {
  const all = dependencies.map(
    ({ group, artifact, version, isWhole }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${isWhole ? ALONE : ''}</dependency>`,
  )
  return `<project><modelVersion>4.0.0</modelVersion><groupId>flowguard</groupId><artifactId>engines</artifactId><version>1</version>
<packaging>pom</packaging><dependencies>${all.join('\n')}</dependencies></project>\n`
}
