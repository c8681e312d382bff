import { randomInt, randomUUID } from 'node:crypto';
import { Normaliser } from './normalise.ts';
import { type Answer, type ConformanceServer, call } from './server.ts';

export interface Sent {
  readonly body?: unknown;
  /** Default with a body: application/json. */
  readonly type?: string;
  readonly accept?: string;
}

/** JSON of an answer, to take an id or a version from. */
export interface Document {
  readonly metadata: { readonly [field: string]: string | undefined };
  readonly [field: string]: unknown;
}

/** One case at work on one server: every answer that it gets goes into the transcript, normalised. */
export class Session {
  /** A namespace of its own. */
  readonly namespace = `c-${randomUUID().slice(0, 8)}`;
  /** An account id of its own: the kind is of the cluster. */
  readonly account = `${randomInt(100_000_000_000, 999_999_999_999)}`;
  readonly transcript: unknown[] = [];
  readonly #server: ConformanceServer;
  readonly #normaliser = new Normaliser();

  constructor(server: ConformanceServer) {
    this.#server = server;
    this.#normaliser.name(this.namespace, 'NAMESPACE');
    this.#normaliser.name(this.account, 'ACCOUNT');
  }

  get policies(): string {
    return `/apis/amifleet.io/v1alpha1/namespaces/${this.namespace}/amipolicies`;
  }

  /** Makes the namespace; not part of the transcript. */
  async open(): Promise<void> {
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.namespace } });
    const headers = { 'content-type': 'application/json' };
    const { status, text } = await call(this.#server, { method: 'POST', path: '/api/v1/namespaces', headers, body });
    if (status !== 201) throw new Error(`no namespace: ${status} ${text}`);
  }

  async send(method: string, path: string, sent: Sent = {}): Promise<Document> {
    const answer = await this.#call(method, path, sent);
    const document = parse(answer.text);
    this.#record(`${method} ${path}${sent.type === undefined ? '' : ` (${sent.type})`}`, {
      status: answer.status,
      ...(answer.headers.warning !== undefined && { warning: answer.headers.warning }),
      body: document,
    });
    return document as Document;
  }

  /** As `send`, and only part of the answer counts. */
  async sendFor(pick: (body: Document) => unknown, method: string, path: string, sent: Sent = {}): Promise<Document> {
    const { status, text } = await this.#call(method, path, sent);
    const document = parse(text) as Document;
    this.#record(`${method} ${path}`, { status, picked: pick(document) });
    return document;
  }

  /** The first `lines` events of a watch. */
  async watch(path: string, lines: number, accept?: string): Promise<readonly Document[]> {
    const { status, text } = await this.#call('GET', path, { ...(accept !== undefined && { accept }) }, lines);
    const events = text
      .split('\n')
      .filter((line) => line !== '')
      .map(parse);
    this.#record(`WATCH ${path}`, { status, events });
    return events as Document[];
  }

  async kubectl(args: readonly string[], stdin?: string): Promise<void> {
    if (!this.#server.kubectl) throw new Error('there is no kubectl');
    const { code, stdout, stderr } = await this.#server.kubectl(['-n', this.namespace, ...args], stdin);
    const tidy = (text: string): string[] =>
      this.#normaliser
        .text(text)
        .replaceAll(/\b\d+s\b/g, 'AGE')
        .replaceAll(/(Resource Version: +|resourceVersion: ")\d+/g, '$1VERSION')
        .split('\n')
        .map((line) => line.replaceAll(/ {2,}/g, '  ').trimEnd());
    this.transcript.push({
      kubectl: this.#normaliser.text(args.join(' ')),
      code,
      stdout: tidy(stdout),
      stderr: tidy(stderr),
    });
  }

  #call(method: string, path: string, { body, type, accept }: Sent, lines?: number): Promise<Answer> {
    const headers = {
      ...(body !== undefined && { 'content-type': type ?? 'application/json' }),
      ...(accept !== undefined && { accept }),
    };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return call(this.#server, {
      method,
      path,
      headers,
      ...(body !== undefined && { body: text }),
      ...(lines !== undefined && { lines }),
    });
  }

  #record(request: string, answer: object): void {
    const path = request.replaceAll(/(resourceVersion|continue)=[^&]+/g, '$1=X');
    this.transcript.push({ request: this.#normaliser.text(path), ...(this.#normaliser.value(answer) as object) });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
