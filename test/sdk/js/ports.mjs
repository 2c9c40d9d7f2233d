// Prints so many free ports of the loopback.
import { createServer } from 'node:net';

const open = [];
const next = () => {
  if (open.length === Number(process.argv[2])) {
    console.log(open.map((server) => server.address().port).join(' '));
    open.forEach((server) => server.close());
    return;
  }
  const server = createServer().listen(0, '127.0.0.1', () => { open.push(server); next(); });
};
next();
