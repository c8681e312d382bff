/** What is not XML as EC2 writes it: elements with text or with elements in them, and nothing between those but space. */
class XmlError extends Error {
  override readonly name = 'XmlError';

  constructor(what: string, at: number) {
    super(`${what} at byte ${at} of the answer`);
  }
}

const SLASH = 0x2f;
const SPACE = /[ \t\r\n]/;

/**
 * Reads elements one after the other, and keeps nothing of what is passed over: a page of a thousand images has seventy
 * thousand elements, of which a third is of use. Strings that it gives out are copies: a part of the text would keep all
 * of it in memory.
 */
export class XmlReader {
  readonly #bytes: Buffer;
  /** One character for each byte, so that places in it are places in `#bytes`. Markup is ASCII. */
  readonly #text: string;
  #at: number;
  /** The element that was entered last is one without content: `<name/>`. */
  #isEmpty = false;

  constructor(bytes: Buffer, text: string, at = 0) {
    this.#bytes = bytes;
    this.#text = text;
    this.#at = at;
  }

  /** The place behind what was read. */
  get at(): number {
    return this.#at;
  }

  /** Enters the next element within the one that is open: its name. Undefined where that one ends, which is left then. */
  enter(): string | undefined {
    if (this.#isEmpty) {
      this.#isEmpty = false;
      return undefined;
    }
    const open = this.#find('<', this.#at);
    const close = this.#find('>', open);
    this.#at = close + 1;
    const first = this.#text.charCodeAt(open + 1);
    if (first === SLASH) return undefined;
    if (first === 0x21 || first === 0x3f) throw new XmlError('markup that is no element', open);
    this.#isEmpty = this.#text.charCodeAt(close - 1) === SLASH;
    const tag = this.#text.slice(open + 1, this.#isEmpty ? close - 1 : close);
    return SPACE.test(tag) ? (tag.split(SPACE, 1)[0] ?? '') : tag;
  }

  /** The text of the element that was entered, which is left then. */
  text(): string {
    if (this.#isEmpty) {
      this.#isEmpty = false;
      return '';
    }
    const from = this.#at;
    const to = this.#find('<', from);
    if (this.#text.charCodeAt(to + 1) !== SLASH) throw new XmlError('an element where text is expected', to);
    this.#at = this.#find('>', to) + 1;
    const text = this.#bytes.toString('utf8', from, to);
    return text.includes('&') ? unescaped(text, from) : text;
  }

  /** Leaves the element that was entered, whatever is in it. */
  skip(): void {
    if (this.#isEmpty) {
      this.#isEmpty = false;
      return;
    }
    for (let depth = 1; depth > 0; ) {
      const open = this.#find('<', this.#at);
      const close = this.#find('>', open);
      this.#at = close + 1;
      if (this.#text.charCodeAt(open + 1) === SLASH) depth -= 1;
      else if (this.#text.charCodeAt(close - 1) !== SLASH) depth += 1;
    }
  }

  #find(what: '<' | '>', from: number): number {
    const at = this.#text.indexOf(what, from);
    if (at < 0) throw new XmlError('the text ends within an element', this.#text.length);
    return at;
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(text: string, at: number): string {
  return text.replace(/&([^;]*);?/g, (_, name: string) => {
    const code = /^#(?:x([0-9a-fA-F]+)|([0-9]+))$/.exec(name);
    if (code) return String.fromCodePoint(code[1] === undefined ? Number(code[2]) : Number.parseInt(code[1], 16));
    const character = NAMED[name];
    if (character === undefined) throw new XmlError(`an entity that XML does not know, &${name};,`, at);
    return character;
  });
}
