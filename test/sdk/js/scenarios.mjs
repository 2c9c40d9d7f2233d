// The rows of the matrix: what is asked of every provider, in words that each SDK's file puts into its own.
import assert from 'node:assert/strict';
import { keys, records, tagged } from './harness.mjs';

const weather = {
  name: 'get_weather', description: 'The weather in a city.',
  schema: {
    type: 'object', required: ['city', 'unit'], additionalProperties: false,
    properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
  },
};
const time = {
  name: 'get_time', description: 'The time in a city.',
  schema: { type: 'object', required: ['city'], additionalProperties: false, properties: { city: { type: 'string' } } },
};
const city = {
  type: 'object', required: ['name', 'population'], additionalProperties: false,
  properties: { name: { type: 'string' }, population: { type: 'integer' } },
};
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const patient = (sdk) => sdk.client(keys.good, 0);
const user = (text) => [{ user: text }];

async function chat(sdk, provider) {
  const { tag, text } = tagged(sdk, 'And what is its capital?');
  const answer = await sdk.ask(patient(sdk), {
    model: provider, system: 'Answer as a geographer.',
    messages: [{ user: 'Where is the Eiffel Tower?' }, { assistant: 'It is in France.' }, { user: text }],
  });
  assert.ok(answer.text.startsWith(`You asked «${text}»`), answer.text);
  assert.equal(answer.ended, 'stop');
  assert.ok(answer.usage.prompt > 0 && answer.usage.completion > 0, JSON.stringify(answer.usage));
  const [{ body }] = await records(tag);
  for (const said of ['Answer as a geographer.', 'Where is the Eiffel Tower?', 'It is in France.']) {
    assert.ok(body.includes(said), `the provider was not told «${said}»: ${body}`);
  }
}

async function streaming(sdk, provider) {
  const messages = user(tagged(sdk, 'Say something. [[fake tokens=40]]').text);
  const whole = await sdk.ask(patient(sdk), { model: provider, messages });
  const streamed = await sdk.stream(patient(sdk), { model: provider, messages });
  assert.equal(streamed.text, whole.text);
  assert.equal(streamed.ended, 'stop');
  assert.deepEqual(streamed.usage, whole.usage);
  assert.equal(streamed.usage.completion, 40);
  assert.ok(streamed.deltas.text >= 30, `${streamed.deltas.text} deltas for 40 tokens`);
}

async function stopping(sdk, provider) {
  const { text } = tagged(sdk, 'Say nothing after the mark.');
  const answer = await sdk.ask(patient(sdk), { model: provider, messages: user(text), stop: ['»'] });
  assert.equal(answer.text, `You asked «${text}`);
  assert.equal(answer.ended, 'stop');
}

async function bounded(sdk, provider) {
  const { text } = tagged(sdk, 'Go on and on. [[fake tokens=40]]');
  const answer = await sdk.ask(patient(sdk), { model: provider, messages: user(text), most: 20 });
  assert.equal(answer.ended, 'length');
  assert.equal(answer.usage.completion, 20);
}

// loop asks, lets tools be called, answers them, and asks again.
async function loop(sdk, provider, { suffix, count, effort, marks = '' }) {
  const { tag, text } = tagged(sdk, `What is the weather in Paris?${marks}`);
  const tools = [weather, time];
  const asked = { system: 'Use the tools.', messages: user(text), tools, effort };
  const first = await sdk.ask(patient(sdk), { model: provider + suffix, ...asked });
  assert.equal(first.ended, 'tools');
  assert.deepEqual(first.calls.map(({ name }) => name), tools.slice(0, count).map(({ name }) => name));
  assert.equal(new Set(first.calls.map(({ id }) => id)).size, count, 'calls have ids of their own');
  assert.deepEqual(Object.keys(first.calls[0].arguments).sort(), ['city', 'unit']);
  const results = first.calls.map((call, i) => ({ call, text: `Result ${i} of ${tag}${marks}` }));
  const second = await sdk.ask(patient(sdk), { model: provider, ...asked, messages: [...asked.messages, { turn: first.turn }, { results }] });
  assert.equal(second.ended, 'stop');
  assert.equal(second.calls.length, 0);
  assert.ok(second.text.startsWith('You asked «'), second.text);
  const { body } = (await records(tag)).at(-1);
  for (const { text: result } of results) assert.ok(body.includes(result), `the provider was not told «${result}»: ${body}`);
  return first;
}

const tool = (sdk, provider) => loop(sdk, provider, { suffix: '-one', count: 1 });
const tools = (sdk, provider) => loop(sdk, provider, { suffix: '-two', count: 2 });

async function streamedTools(sdk, provider) {
  const asked = { model: `${provider}-two`, messages: user(tagged(sdk, 'What is the weather in Paris?').text), tools: [weather, time] };
  const whole = await sdk.ask(patient(sdk), asked);
  const streamed = await sdk.stream(patient(sdk), asked);
  const called = ({ calls }) => calls.map(({ name, arguments: said }) => ({ name, said }));
  assert.deepEqual(called(streamed), called(whole));
  assert.equal(streamed.calls.length, 2);
  assert.equal(streamed.ended, 'tools');
  assert.ok(streamed.deltas.arguments >= 2, `${streamed.deltas.arguments} deltas of arguments`);
}

async function serial(sdk, provider) {
  const { text } = tagged(sdk, 'What is the weather in Paris?');
  const answer = await sdk.ask(patient(sdk), { model: `${provider}-two`, messages: user(text), tools: [weather, time], parallel: false });
  assert.equal(answer.calls.length, 1);
}

const choice = (choice, suffix, names) => async (sdk, provider) => {
  const { text } = tagged(sdk, 'What is the weather in Paris?');
  const answer = await sdk.ask(patient(sdk), { model: provider + suffix, messages: user(text), tools: [weather, time], choice });
  assert.deepEqual(answer.calls.map(({ name }) => name), names);
};

async function structured(sdk, provider) {
  const messages = user(tagged(sdk, 'Which city is the largest of France?').text);
  for (const ask of [sdk.ask, sdk.stream]) {
    const answer = await ask(patient(sdk), { model: provider, messages, schema: city });
    const said = JSON.parse(answer.text);
    assert.deepEqual(Object.keys(said).sort(), ['name', 'population']);
    assert.ok(Number.isInteger(said.population), answer.text);
  }
}

async function vision(sdk, provider) {
  const { text } = tagged(sdk, 'What is on this picture?');
  const answer = await sdk.ask(patient(sdk), { model: provider, messages: [{ user: text, image: { type: 'image/png', data: pixel } }] });
  assert.ok(answer.text.includes(`${text} [1 image: image/png]`), answer.text);
}

async function reasoning(sdk, provider) {
  const messages = user(tagged(sdk, 'Think, then answer. [[fake reasoning=40]]').text);
  const whole = await sdk.ask(patient(sdk), { model: provider, messages, effort: 'high' });
  assert.match(whole.thoughts, /^Thinking about «/);
  assert.ok(whole.text.startsWith('You asked «'), whole.text);
  const streamed = await sdk.stream(patient(sdk), { model: provider, messages, effort: 'high' });
  assert.equal(streamed.thoughts, whole.thoughts);
  assert.equal(streamed.text, whole.text);
}

async function reasoningReturned(sdk, provider) {
  const first = await loop(sdk, provider, { suffix: '-one', count: 1, effort: 'high', marks: ' [[fake reasoning=40]]' });
  assert.match(first.thoughts, /^Thinking about «/);
}

async function embeddings(sdk, provider) {
  const { vectors, others } = await sdk.embed(patient(sdk), { model: `${provider}-embed`, inputs: ['one text'] });
  assert.equal(vectors.length, 1);
  assert.ok(vectors[0].length > 16 && vectors[0].every((x) => typeof x === 'number'), String(vectors[0]).slice(0, 80));
  if (others) {
    // The same vectors in another encoding, to the precision of 32 bits.
    others.forEach((vector, i) => assert.deepEqual(vector.map(Math.fround), vectors[i].map(Math.fround)));
  }
}

async function several(sdk, provider) {
  const { vectors } = await sdk.embed(patient(sdk), { model: `${provider}-embed`, inputs: ['one text', 'another text'] });
  assert.equal(vectors.length, 2);
  assert.notDeepEqual(vectors[0], vectors[1]);
}

async function dimensions(sdk, provider) {
  const { vectors } = await sdk.embed(patient(sdk), { model: `${provider}-embed`, inputs: ['one text'], dimensions: 256 });
  assert.deepEqual(vectors.map((vector) => vector.length), [256]);
}

async function counting(sdk, provider) {
  const asked = { model: provider, messages: user(tagged(sdk, 'How long is this?').text) };
  const counted = await sdk.count(patient(sdk), asked);
  const answer = await sdk.ask(patient(sdk), asked);
  assert.equal(counted, answer.usage.prompt);
}

async function listing(sdk, provider) {
  const names = await sdk.list(patient(sdk));
  for (const name of [provider, `${provider}-embed`]) assert.ok(names.includes(name), `${name} is not among ${names}`);
  assert.equal(await sdk.retrieve(patient(sdk), provider), provider);
}

// fails asks what goes wrong, and gives the SDK's error and the requests that the provider saw.
async function fails(sdk, provider, { fault, key = keys.good, retries, stream = false, status, kind }) {
  const { tag, text } = tagged(sdk, `Fail. [[fake tokens=20 delay=3ms${fault ? ` fault=${fault}` : ''}]]`);
  const ask = stream ? sdk.stream : sdk.ask;
  let told;
  await assert.rejects(() => ask(sdk.client(key, retries), { model: provider, messages: user(text) }), (err) => {
    told = err;
    return true;
  });
  assert.ok(told instanceof sdk.errors[kind], `${fault}: not the SDK's own: ${told.stack}`);
  if (status) assert.equal(told.status, status, `${fault}: ${told}`);
  return records(tag);
}

async function wrongKey(sdk, provider) {
  const seen = await fails(sdk, provider, { key: keys.wrong, status: 401, kind: 'authentication' });
  assert.equal(seen.length, 0, 'the provider was asked');
}

async function unknownModel(sdk, provider) {
  const seen = await fails(sdk, `${provider}-unknown`, { status: 404, kind: 'notFound' });
  assert.equal(seen.length, 0, 'the provider was asked');
}

async function rateLimit(sdk, provider) {
  const seen = await fails(sdk, `${provider}-limited-js-${sdk.dialect}`, { fault: 'rate-limit:1s', status: 429, kind: 'rateLimit' });
  if (!sdk.honoursRetryAfter) {
    // It asks again before the second is over, and the gateway answers for a provider that wants to be left alone.
    assert.ok(seen.length >= 1 && seen.length < sdk.attempts, `${seen.length} requests reached the provider`);
    return;
  }
  assert.equal(seen.length, sdk.attempts);
  for (let i = 1; i < seen.length; i++) {
    const waited = Date.parse(seen[i].startedAt) - Date.parse(seen[i - 1].startedAt);
    assert.ok(waited >= 990 && waited < 5000, `retried after ${waited} ms, told to wait for 1 s`);
  }
}

async function failure(sdk, provider) {
  // 529 is Anthropic's own, and others' SDKs see what they know in its place.
  await Promise.all([500, 503, ...(provider === 'anthropic' ? [529] : [])].map(async (status) => {
    const seen = await fails(sdk, provider, { fault: `status:${status}`, kind: 'server' });
    assert.equal(seen.length, sdk.attempts, `${status}: ${seen.length} requests`);
  }));
}

async function refused(sdk, provider) {
  const seen = await fails(sdk, provider, { fault: 'status:400', status: 400, kind: 'badRequest' });
  assert.equal(seen.length, 1, 'retried what was refused');
}

async function brokenStream(sdk, provider) {
  for (const fault of ['reset-mid-stream:5', 'truncate-stream:5', 'no-done']) {
    await fails(sdk, provider, { fault, stream: true, retries: 0, kind: 'stream' });
  }
}

async function errorEvent(sdk, provider) {
  await fails(sdk, provider, { fault: 'error-event:5', stream: true, retries: 0, kind: 'stream' });
}

export const scenarios = {
  chat, streaming, 'bound on tokens': bounded, 'stop sequences': stopping, 'one tool call': tool, 'parallel tool calls': tools,
  'streamed tool calls': streamedTools, 'no parallel tool calls': serial,
  'tool choice: any': choice('any', '', ['get_weather']), 'tool choice: one': choice({ name: 'get_time' }, '', ['get_time']),
  'tool choice: none': choice('none', '-one', []), 'structured output': structured, vision,
  reasoning, 'reasoning sent back': reasoningReturned, embeddings,
  'embeddings: several texts': several, 'embeddings: dimensions': dimensions,
  'token counting': counting, 'model listing': listing,
  'error: wrong key': wrongKey, 'error: unknown model': unknownModel, 'error: rate limit': rateLimit,
  'error: provider fails': failure, 'error: provider refuses': refused, 'error: stream breaks': brokenStream,
  'error: event in the stream': errorEvent,
};
