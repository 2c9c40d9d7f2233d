import sdk from './sdks/gemini.mjs';
import { run } from './run.mjs';

run(sdk);
