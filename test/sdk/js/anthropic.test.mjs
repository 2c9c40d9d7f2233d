import sdk from './sdks/anthropic.mjs';
import { run } from './run.mjs';

run(sdk);
