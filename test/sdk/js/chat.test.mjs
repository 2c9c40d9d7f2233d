// The official JavaScript SDK through the gateway: only its base URL and key are Spark's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';

const baseURL = `${process.env.SPARK_URL}/v1`;
const client = new OpenAI({ baseURL, apiKey: process.env.SPARK_API_KEY, maxRetries: 0 });
const question = [{ role: 'user', content: 'Say something. [[fake tokens=12]]' }];

test('the SDK lists the models of the key', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes('fake-model'), `models: ${names}`);
});

test('a chat answers whole, with usage', async () => {
  const answer = await client.chat.completions.create({ model: 'fake-model', messages: question });
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.completion_tokens, 12);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 12);
});

test('a streamed chat comes token by token and ends', async () => {
  const whole = await client.chat.completions.create({ model: 'fake-model', messages: question });
  const stream = await client.chat.completions.create({ model: 'fake-model', messages: question, stream: true });
  let text = '';
  let chunks = 0;
  let finish = null;
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1, 'usage nobody asked for is not shown');
    text += chunk.choices[0].delta.content ?? '';
    chunks += 1;
    finish = chunk.choices[0].finish_reason ?? finish;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.ok(chunks >= 12, `${chunks} chunks`);
  assert.equal(finish, 'stop');
});

test('a stream that asks for usage gets it last', async () => {
  const stream = await client.chat.completions.create({
    model: 'fake-model', messages: question, stream: true, stream_options: { include_usage: true },
  });
  let last = null;
  for await (const chunk of stream) last = chunk;
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, 12);
});

test('a wrong key is the SDK\'s AuthenticationError', async () => {
  const stranger = new OpenAI({ baseURL, apiKey: 'spark-not-a-key', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), (err) => {
    assert.ok(err instanceof OpenAI.AuthenticationError, String(err));
    assert.equal(err.code, 'invalid_api_key');
    return true;
  });
});

test('an unknown model is the SDK\'s NotFoundError', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'no-such-model', messages: question }), (err) => {
    assert.ok(err instanceof OpenAI.NotFoundError, String(err));
    assert.equal(err.code, 'model_not_found');
    return true;
  });
});

test('a rate limit is the SDK\'s RateLimitError, with retry-after', async () => {
  const limited = new OpenAI({ baseURL, apiKey: process.env.SPARK_LIMITED_KEY, maxRetries: 0 });
  await limited.models.list();
  await assert.rejects(limited.models.list(), (err) => {
    assert.ok(err instanceof OpenAI.RateLimitError, String(err));
    assert.ok(Number(err.headers.get('retry-after')) >= 1);
    return true;
  });
});

test('a stream that breaks is an error, never a clean end', async () => {
  const broken = [{ role: 'user', content: '[[fake tokens=20 fault=reset-mid-stream:5]]' }];
  const stream = await client.chat.completions.create({ model: 'fake-model', messages: broken, stream: true });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk.choices);
  }, (err) => {
    assert.ok(err instanceof OpenAI.APIError, String(err));
    return true;
  });
});
