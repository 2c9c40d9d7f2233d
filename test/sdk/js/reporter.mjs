// Tells what failed, and how many tests there were; passed cells are in the results.
export default async function* reporter(events) {
  const counts = { 'test:pass': 0, 'test:fail': 0 };
  for await (const { type, data } of events) {
    if (!(type in counts) || data.details.type === 'suite') continue;
    counts[type] += 1;
    if (type === 'test:fail') yield `not ok: ${data.name}\n${data.details.error.cause?.stack ?? data.details.error.stack}\n`;
  }
  yield `${counts['test:pass']} tests of JavaScript's SDKs passed, ${counts['test:fail']} failed\n`;
}
