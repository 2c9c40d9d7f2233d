// What every cell of the matrix has in common: the providers, what is expected of them, and where results go.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';

export const url = process.env.SPARK_URL;
export const keys = {
  good: process.env.SPARK_API_KEY, wrong: process.env.SPARK_WRONG_KEY, limited: process.env.SPARK_LIMITED_KEY,
};
const expected = JSON.parse(readFileSync(new URL('../expected.json', import.meta.url)));
export const providers = expected.providers.map(({ name }) => name);

// lacks says that a dialect has no words for a feature.
export const lacks = (dialect, feature) => expected.dialects.find(({ name }) => name === dialect).lacks.includes(feature);

// refusal gives the entry of expected.json that says why a cell is refused, if any.
export function refusal(dialect, feature, provider) {
  const holds = (list, value) => !list || list.includes(value);
  return expected.refused.find((entry) => holds(entry.dialects, dialect) && holds(entry.features, feature) &&
    holds(entry.providers, provider));
}

// cell runs one cell and writes down what came of it. A refusal is the SDK's own error, with the status and the words
// that are expected.
export async function cell(sdk, feature, provider, run) {
  const said = refusal(sdk.dialect, feature, provider);
  if (said) {
    await assert.rejects(run, (err) => {
      assert.ok(err instanceof sdk.errors.api, `not an error of the SDK: ${err.stack ?? err}`);
      assert.equal(err.status, said.status, String(err));
      assert.match(String(err.message), new RegExp(said.says));
      return true;
    });
  } else {
    await run();
  }
  const line = { dialect: sdk.dialect, sdk: sdk.name, feature, provider, result: said ? 'refused' : 'passed' };
  appendFileSync(`${process.env.SPARK_RESULTS}/${sdk.name}-${sdk.dialect}.jsonl`, JSON.stringify(line) + '\n');
}

let serial = 0;
// tagged makes a question that no other cell asks, so that its requests are found among the provider's records.
export function tagged(sdk, text) {
  serial += 1;
  const tag = `js-${sdk.dialect}-${process.pid}-${serial}.`;
  return { tag, text: `${text} (${tag})` };
}

let running = null;
let queued = null;
const read = async () => (await (await fetch(`${process.env.SPARK_PROVIDER}/fake/records`)).json()).records;
// records gives the requests that reached the provider with a tag. Those who ask at the same time share an answer, which
// was begun after they asked.
export async function records(tag) {
  if (!running) {
    running = read().finally(() => { running = null; });
    return pick(await running, tag);
  }
  queued ??= running.then(() => { queued = null; running = read().finally(() => { running = null; }); return running; });
  return pick(await queued, tag);
}
const pick = (all, tag) => all.filter(({ body }) => body?.includes(tag));
