// What is no provider's matter: the gateway's own limits, and usage that nobody asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keys } from './harness.mjs';
import anthropic from './sdks/anthropic.mjs';
import gemini from './sdks/gemini.mjs';
import chat from './sdks/openai-chat.mjs';

for (const sdk of [chat, anthropic, gemini]) {
  test(`a key's own limit is an error of ${sdk.name}`, async () => {
    const limited = sdk.client(keys.limited, 0);
    // One request an hour, whoever of the SDKs makes it.
    await assert.rejects(async () => { await sdk.list(limited); await sdk.list(limited); }, (err) => {
      assert.ok(err instanceof sdk.errors.rateLimit, String(err));
      assert.equal(err.status, 429);
      if (sdk.honoursRetryAfter) assert.ok(Number(err.headers.get('retry-after')) >= 1);
      return true;
    });
  });
}

for (const model of ['openai', 'anthropic']) {
  test(`a stream of ${model} shows no usage that was not asked for`, async () => {
    const messages = [{ role: 'user', content: 'Say something.' }];
    const stream = await chat.client(keys.good, 0).chat.completions.create({ model, messages, stream: true });
    let finish = null;
    for await (const chunk of stream) {
      assert.equal(chunk.choices.length, 1);
      assert.ok(!chunk.usage);
      finish = chunk.choices[0].finish_reason ?? finish;
    }
    assert.equal(finish, 'stop');
  });
}
