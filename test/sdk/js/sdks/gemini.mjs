// Google's SDK.
import { ApiError, GoogleGenAI } from '@google/genai';
import { url } from '../harness.mjs';

const ends = { STOP: 'stop', MAX_TOKENS: 'length' };
const modes = { any: 'ANY', none: 'NONE' };
const budgets = { high: 2048 };

function contentsOf({ messages }) {
  return messages.map(({ user, image, assistant, turn, results }) => {
    if (turn) return turn;
    if (assistant) return { role: 'model', parts: [{ text: assistant }] };
    if (results) {
      const answers = results.map(({ call, text }) => ({ functionResponse: { id: call.id, name: call.name, response: { output: text } } }));
      return { role: 'user', parts: answers };
    }
    const parts = [{ text: user }];
    if (image) parts.push({ inlineData: { mimeType: image.type, data: image.data } });
    return { role: 'user', parts };
  });
}

function bodyOf(q) {
  const named = q.choice?.name && { mode: 'ANY', allowedFunctionNames: [q.choice.name] };
  const declarations = q.tools?.map(({ name, description, schema }) => ({ name, description, parametersJsonSchema: schema }));
  return {
    model: q.model, contents: contentsOf(q),
    config: {
      systemInstruction: q.system, stopSequences: q.stop, maxOutputTokens: q.most,
      tools: declarations && [{ functionDeclarations: declarations }],
      toolConfig: q.choice && { functionCallingConfig: named ?? { mode: modes[q.choice] } },
      responseMimeType: q.schema && 'application/json', responseJsonSchema: q.schema,
      thinkingConfig: q.effort && { includeThoughts: true, thinkingBudget: budgets[q.effort] },
    },
  };
}

function answerOf(parts, ended, usage, deltas) {
  const texts = (thought) => parts.filter((part) => part.text && !!part.thought === thought).map(({ text }) => text).join('');
  const calls = parts.filter(({ functionCall }) => functionCall).map(({ functionCall: { id, name, args } }, i) =>
    ({ id: id ?? `unnamed-${i}`, name, arguments: args }));
  return {
    text: texts(false), thoughts: texts(true), ended: calls.length ? 'tools' : ends[ended] ?? ended, deltas, calls,
    turn: { role: 'model', parts },
    usage: usage && { prompt: usage.promptTokenCount, completion: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0) },
  };
}

export default {
  // Its errors are of one class, with the status, but for a stream's that breaks off, where fetch's own error may come
  // first; it retries where it is told to, and by its own clock.
  dialect: 'gemini', name: 'google-genai-js', attempts: 3, honoursRetryAfter: false,
  errors: new Proxy({ stream: Error }, { get: (own, kind) => own[kind] ?? ApiError }),
  client: (apiKey, retries) => new GoogleGenAI({
    apiKey, httpOptions: { baseUrl: url, retryOptions: retries === 0 ? undefined : { attempts: 3, initialDelay: 0.1 } },
  }),
  async ask(client, q) {
    const { candidates: [{ content, finishReason }], usageMetadata } = await client.models.generateContent(bodyOf(q));
    return answerOf(content?.parts ?? [], finishReason, usageMetadata);
  },
  async stream(client, q) {
    const parts = [];
    const deltas = { text: 0, arguments: 0 };
    let ended, usage;
    for await (const { candidates, usageMetadata } of await client.models.generateContentStream(bodyOf(q))) {
      for (const part of candidates?.[0]?.content?.parts ?? []) {
        if (part.text && !part.thought) deltas.text += 1;
        if (part.functionCall) deltas.arguments += 1;
        parts.push(part);
      }
      ended = candidates?.[0]?.finishReason ?? ended;
      usage = usageMetadata ?? usage;
    }
    if (!ended) throw new Error('the stream ended cleanly without a reason to');
    return answerOf(parts, ended, usage, deltas);
  },
  async embed(client, { model, inputs, dimensions }) {
    const { embeddings } = await client.models.embedContent({ model, contents: inputs, config: { outputDimensionality: dimensions } });
    return { vectors: embeddings.map(({ values }) => values) };
  },
  async count(client, q) {
    const { model, contents } = bodyOf(q);
    return (await client.models.countTokens({ model, contents })).totalTokens;
  },
  async list(client) {
    const names = [];
    for await (const { name } of await client.models.list({ config: { pageSize: 5 } })) names.push(name.replace(/^models\//, ''));
    return names;
  },
  retrieve: async (client, name) => (await client.models.get({ model: name })).name.replace(/^models\//, ''),
};
