import sdk from './sdks/openai-responses.mjs';
import { run } from './run.mjs';

run(sdk);
