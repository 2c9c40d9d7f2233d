// OpenAI's SDK, Chat Completions.
import OpenAI from 'openai';
import { url } from '../harness.mjs';

const ends = { stop: 'stop', length: 'length', tool_calls: 'tools' };
const choices = { any: 'required', none: 'none' };

function* messagesOf({ system, messages }) {
  if (system) yield { role: 'system', content: system };
  for (const { user, image, assistant, turn, results } of messages) {
    if (image) {
      const url = `data:${image.type};base64,${image.data}`;
      yield { role: 'user', content: [{ type: 'text', text: user }, { type: 'image_url', image_url: { url } }] };
    } else if (user) yield { role: 'user', content: user };
    if (assistant) yield { role: 'assistant', content: assistant };
    if (turn) yield turn;
    for (const { call, text } of results ?? []) yield { role: 'tool', tool_call_id: call.id, content: text };
  }
}

function bodyOf(q) {
  return {
    model: q.model, messages: [...messagesOf(q)], stop: q.stop, reasoning_effort: q.effort, parallel_tool_calls: q.parallel,
    max_completion_tokens: q.most,
    tools: q.tools?.map(({ name, description, schema }) => ({ type: 'function', function: { name, description, parameters: schema } })),
    tool_choice: q.choice && (choices[q.choice] ?? { type: 'function', function: { name: q.choice.name } }),
    response_format: q.schema && { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: q.schema } },
  };
}

function answerOf({ choices: [{ message, finish_reason: ended }], usage }) {
  return {
    text: textOf(message), ended: ends[ended] ?? ended, turn: message, thoughts: thoughtsOf(message),
    usage: usage && { prompt: usage.prompt_tokens, completion: usage.completion_tokens },
    calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: said } }) => ({ id, name, arguments: JSON.parse(said) })),
  };
}

// thoughtsOf reads what servers have beside OpenAI's own fields, and Mistral's parts of the content.
const thoughtsOf = (said) => said?.reasoning_content ?? said?.reasoning ?? partsOf(said, 'thinking');
const textOf = (said) => (Array.isArray(said?.content) ? partsOf(said, 'text') : said?.content ?? '');

function partsOf(said, type) {
  if (!Array.isArray(said?.content)) return '';
  return said.content.flatMap((part) => (part.type !== type ? [] : part.thinking ?? [part])).map(({ text }) => text).join('');
}

export default {
  dialect: 'openai', name: 'openai-js', attempts: 3, honoursRetryAfter: true,
  errors: {
    api: OpenAI.APIError, authentication: OpenAI.AuthenticationError, notFound: OpenAI.NotFoundError,
    rateLimit: OpenAI.RateLimitError, server: OpenAI.InternalServerError, badRequest: OpenAI.BadRequestError, stream: OpenAI.APIError,
  },
  client: (apiKey, maxRetries) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries }),
  ask: async (client, q) => answerOf(await client.chat.completions.create(bodyOf(q))),
  async stream(client, q) {
    const stream = client.chat.completions.stream({ ...bodyOf(q), stream_options: { include_usage: true } });
    const deltas = { text: 0, arguments: 0 };
    let text = '';
    let thoughts = '';
    for await (const { choices: [choice] } of stream) {
      const more = textOf(choice?.delta);
      if (more) deltas.text += 1;
      if (choice?.delta.tool_calls?.some((call) => call.function?.arguments)) deltas.arguments += 1;
      text += more;
      thoughts += thoughtsOf(choice?.delta);
    }
    return { ...answerOf(await stream.finalChatCompletion()), text, thoughts, deltas };
  },
  async embed(client, { model, inputs, dimensions }) {
    const vectors = async (encoding) => {
      const { data } = await client.embeddings.create({ model, input: inputs, dimensions, encoding_format: encoding });
      return data.map(({ embedding }) => Array.from(embedding));
    };
    return { vectors: await vectors('float'), others: await vectors() }; // base64 is the SDK's own choice
  },
  async list(client) {
    const names = [];
    for await (const { id } of client.models.list()) names.push(id);
    return names;
  },
  retrieve: async (client, name) => (await client.models.retrieve(name)).id,
};
