import http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { AgentPool } from '../../src/kube/agent-pool.ts';

const pools: AgentPool[] = [];

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

function pool(proxyUrl?: string): AgentPool {
  const made = new AgentPool('https:', proxyUrl);
  pools.push(made);
  return made;
}

describe('the agents to one server', () => {
  it('are one for the same bytes, read anew or not, and another one after a rotation', () => {
    const agents = pool();
    const first = agents.agentFor({ ca: Buffer.from('a'), cert: 'c' }, undefined);
    expect(agents.agentFor({ ca: Buffer.from('a'), cert: Buffer.from('c') }, undefined)).toBe(first);
    const second = agents.agentFor({ ca: Buffer.from('b'), cert: 'c' }, undefined);
    expect(second).not.toBe(first);
    expect(first.maxFreeSockets).toBe(0);
  });

  it('through a SOCKS proxy are one as well, although client-node makes one for every call', () => {
    const agents = pool('socks5://127.0.0.1:1080');
    const made = [new http.Agent(), new http.Agent(), new http.Agent()];
    const used = [agents.agentFor({ ca: 'a' }, made[0]), agents.agentFor({ ca: 'a' }, made[1])];
    expect(used).toEqual([made[0], made[0]]);
    expect(agents.agentFor({ ca: 'b' }, made[2])).toBe(made[2]);
  });
});
