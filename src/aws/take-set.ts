import { listOf, type Read } from './listing-items.ts';
import { XmlReader } from './xml-reader.ts';

interface HttpAnswer {
  readonly statusCode: number;
  body: Uint8Array | AsyncIterable<Uint8Array>;
}

type Handler = (args: object) => Promise<{ readonly response: unknown }>;

interface Interceptable {
  readonly middlewareStack: {
    add(middleware: (next: Handler) => Handler, where: { step: 'deserialize'; priority: 'low'; name: string }): void;
  };
}

/**
 * Takes the items of a listing out of the answer to a command before the SDK reads it. The SDK reads everything that EC2
 * tells of an image and needs ten times as long, and nothing else goes on in this process meanwhile.
 * @param element the name of the list, for example `imagesSet`
 * @returns the items of the answer, once the command was sent
 */
export function takeSet<T>(command: object, element: string, item: Read<T>): () => readonly T[] {
  const read = listOf(item);
  let items: readonly T[] = [];
  // Its own type joins all operations of EC2 (see sdk-command.ts).
  const { middlewareStack } = command as Interceptable;
  middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const answer = result.response as HttpAnswer;
      items = [];
      if (answer.statusCode >= 300) return result;
      const bytes = await bytesOf(answer.body);
      const text = bytes.toString('latin1');
      // No text of an element can look like this: there, `<` is written `&lt;`.
      const from = text.search(new RegExp(`<${element}[ />]`));
      let rest = bytes;
      if (from >= 0) {
        const xml = new XmlReader(bytes, text, from);
        xml.enter();
        items = read(xml);
        rest = Buffer.concat([bytes.subarray(0, from), bytes.subarray(xml.at)]);
      }
      answer.body = rest;
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'takeSet' },
  );
  return () => items;
}

async function bytesOf(body: HttpAnswer['body']): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
