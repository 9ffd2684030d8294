/**
 * All cases of the differential test: those of each file of this folder that is named *-cases.ts.
 */
import { readdirSync } from 'node:fs';
import type { Case } from './steps.ts';

export interface Area {
  readonly area: string;
  readonly cases: readonly Case[];
}

const DIRECTORY = new URL('./', import.meta.url);
const SUFFIX = '-cases.ts';

export const AREAS: readonly Area[] = await Promise.all(
  readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(SUFFIX))
    .sort()
    .map(async (file) => {
      const { CASES } = (await import(new URL(file, DIRECTORY).href)) as { readonly CASES: readonly Case[] };
      return { area: file.slice(0, -SUFFIX.length), cases: CASES };
    }),
);
