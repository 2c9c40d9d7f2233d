// Runs every scenario that a dialect has against every provider, as tests that run side by side.
import { describe, test } from 'node:test';
import { cell, lacks, providers } from './harness.mjs';
import { scenarios } from './scenarios.mjs';

const only = new RegExp(process.env.SPARK_ONLY ?? '');

export function run(sdk) {
  describe(`${sdk.name}, ${sdk.dialect}`, { concurrency: 24 }, () => {
    for (const [feature, scenario] of Object.entries(scenarios)) {
      if (lacks(sdk.dialect, feature)) continue;
      for (const provider of providers) {
        const name = `${sdk.dialect} / ${provider} / ${feature}`;
        if (only.test(name)) test(name, { timeout: 60_000 }, () => cell(sdk, feature, provider, () => scenario(sdk, provider)));
      }
    }
  });
}
