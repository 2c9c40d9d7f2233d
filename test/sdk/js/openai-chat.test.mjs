import sdk from './sdks/openai-chat.mjs';
import { run } from './run.mjs';

run(sdk);
