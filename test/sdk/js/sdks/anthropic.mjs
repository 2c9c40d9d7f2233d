// Anthropic's SDK.
import Anthropic from '@anthropic-ai/sdk';
import { url } from '../harness.mjs';

const ends = { end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', tool_use: 'tools' };
const budgets = { high: 2048 };

function messagesOf({ messages }) {
  return messages.map(({ user, image, assistant, turn, results }) => {
    if (turn) return { role: 'assistant', content: turn };
    if (assistant) return { role: 'assistant', content: assistant };
    if (results) {
      return { role: 'user', content: results.map(({ call, text }) => ({ type: 'tool_result', tool_use_id: call.id, content: text })) };
    }
    const content = [{ type: 'text', text: user }];
    if (image) content.unshift({ type: 'image', source: { type: 'base64', media_type: image.type, data: image.data } });
    return { role: 'user', content };
  });
}

function choiceOf({ choice, parallel }) {
  if (choice?.name) return { type: 'tool', name: choice.name };
  if (choice) return { type: choice };
  return parallel === false ? { type: 'auto', disable_parallel_tool_use: true } : undefined;
}

function countedOf(q) {
  return {
    model: q.model, system: q.system, messages: messagesOf(q), tool_choice: choiceOf(q),
    tools: q.tools?.map(({ name, description, schema }) => ({ name, description, input_schema: schema })),
  };
}

function bodyOf(q) {
  return {
    ...countedOf(q), max_tokens: q.most ?? 4096, stop_sequences: q.stop,
    thinking: q.effort && { type: 'enabled', budget_tokens: budgets[q.effort] },
    output_config: q.schema && { format: { type: 'json_schema', schema: q.schema } },
  };
}

function answerOf({ content, stop_reason: ended, usage }, deltas) {
  const those = (type) => content.filter((block) => block.type === type);
  return {
    text: those('text').map(({ text }) => text).join(''), thoughts: those('thinking').map(({ thinking }) => thinking).join(''),
    ended: ends[ended] ?? ended, turn: content, deltas,
    usage: {
      prompt: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
      completion: usage.output_tokens,
    },
    calls: those('tool_use').map(({ id, name, input }) => ({ id, name, arguments: input })),
  };
}

export default {
  dialect: 'anthropic', name: 'anthropic-js', attempts: 3, honoursRetryAfter: true,
  errors: {
    api: Anthropic.APIError, authentication: Anthropic.AuthenticationError, notFound: Anthropic.NotFoundError,
    rateLimit: Anthropic.RateLimitError, server: Anthropic.InternalServerError, badRequest: Anthropic.BadRequestError,
    stream: Anthropic.APIError,
  },
  client: (apiKey, maxRetries) => new Anthropic({ baseURL: url, apiKey, maxRetries }),
  ask: async (client, q) => answerOf(await client.messages.create(bodyOf(q))),
  async stream(client, q) {
    const stream = client.messages.stream(bodyOf(q));
    const deltas = { text: 0, arguments: 0 };
    for await (const { type, delta } of stream) {
      if (type !== 'content_block_delta') continue;
      if (delta.type === 'text_delta') deltas.text += 1;
      if (delta.type === 'input_json_delta' && delta.partial_json) deltas.arguments += 1;
    }
    return answerOf(await stream.finalMessage(), deltas);
  },
  count: async (client, q) => (await client.messages.countTokens(countedOf(q))).input_tokens,
  async list(client) {
    const names = [];
    for await (const { id } of client.models.list({ limit: 5 })) names.push(id);
    return names;
  },
  retrieve: async (client, name) => (await client.models.retrieve(name)).id,
};
