// OpenAI's SDK, Responses.
import OpenAI from 'openai';
import { url } from '../harness.mjs';
import chat from './openai-chat.mjs';

const choices = { any: 'required', none: 'none' };

function* itemsOf({ messages }) {
  for (const { user, image, assistant, turn, results } of messages) {
    if (user) {
      const content = [{ type: 'input_text', text: user }];
      if (image) content.push({ type: 'input_image', detail: 'auto', image_url: `data:${image.type};base64,${image.data}` });
      yield { role: 'user', content };
    }
    if (assistant) yield { role: 'assistant', content: assistant };
    if (turn) yield* turn;
    for (const { call, text } of results ?? []) yield { type: 'function_call_output', call_id: call.id, output: text };
  }
}

function bodyOf(q) {
  return {
    model: q.model, instructions: q.system, input: [...itemsOf(q)], parallel_tool_calls: q.parallel, max_output_tokens: q.most,
    // What was thought comes along, as nothing is kept at the provider.
    store: false, reasoning: q.effort && { effort: q.effort, summary: 'auto' }, include: q.effort && ['reasoning.encrypted_content'],
    tools: q.tools?.map(({ name, description, schema }) => ({ type: 'function', name, description, parameters: schema, strict: false })),
    tool_choice: q.choice && (choices[q.choice] ?? { type: 'function', name: q.choice.name }),
    text: q.schema && { format: { type: 'json_schema', name: 'answer', strict: true, schema: q.schema } },
  };
}

function answerOf({ output, status, incomplete_details: details, usage }) {
  const calls = output.filter(({ type }) => type === 'function_call');
  const reasons = { max_output_tokens: 'length' };
  return {
    text: output.filter(({ type }) => type === 'message').flatMap(({ content }) => content).map((part) => part.text ?? '').join(''),
    turn: output,
    ended: status === 'completed' ? (calls.length ? 'tools' : 'stop') : reasons[details?.reason] ?? status,
    thoughts: output.filter(({ type }) => type === 'reasoning')
      .flatMap(({ summary, content }) => [...summary, ...(content ?? [])]).map((part) => part.text).join(''),
    usage: usage && { prompt: usage.input_tokens, completion: usage.output_tokens },
    calls: calls.map(({ call_id: id, name, arguments: said }) => ({ id, name, arguments: JSON.parse(said) })),
  };
}

export default {
  dialect: 'responses', name: 'openai-js', attempts: 3, honoursRetryAfter: true, errors: { ...chat.errors, stream: OpenAI.OpenAIError },
  client: chat.client,
  ask: async (client, q) => answerOf(await client.responses.create(bodyOf(q))),
  async stream(client, q) {
    const stream = client.responses.stream(bodyOf(q));
    const deltas = { text: 0, arguments: 0 };
    let last = -1;
    for await (const { type, sequence_number: number } of stream) {
      if (type === 'response.output_text.delta') deltas.text += 1;
      if (type === 'response.function_call_arguments.delta') deltas.arguments += 1;
      if (number <= last) throw new Error(`event ${number} after ${last}`);
      last = number;
    }
    return { ...answerOf(await stream.finalResponse().catch(typed)), deltas };
  },
};

// typed makes an error of what the SDK rejects with where the provider's own event of an error passed through it: the
// event.
function typed(err) {
  throw err?.type === 'error' && !(err instanceof Error) ? new OpenAI.APIError(undefined, err, err.message) : err;
}
