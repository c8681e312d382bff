/** What an answer is made of; a list becomes `<item>` elements, undefined is left out. */
export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [name: string]: Xml };

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);

function element(name: string, value: Xml): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return `<${name}>${value.map((item: Xml) => element('item', item)).join('')}</${name}>`;
  if (typeof value === 'object')
    return `<${name}>${Object.entries(value)
      .map(([child, inner]) => element(child, inner))
      .join('')}</${name}>`;
  return `<${name}>${escape(String(value))}</${name}>`;
}

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function ec2Answer(action: string, requestId: string, body: { readonly [name: string]: Xml }): string {
  const inner =
    element('requestId', requestId) +
    Object.entries(body)
      .map(([name, value]) => element(name, value))
      .join('');
  return `${HEAD}<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">${inner}</${action}Response>`;
}

export function ec2Error(code: string, message: string, requestId: string): string {
  const error = element('Errors', { Error: { Code: code, Message: message } });
  return `${HEAD}<Response>${error}${element('RequestID', requestId)}</Response>`;
}

export function stsAnswer(action: string, requestId: string, body: { readonly [name: string]: Xml }): string {
  const result = element(`${action}Result`, body) + element('ResponseMetadata', { RequestId: requestId });
  return `${HEAD}<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</${action}Response>`;
}

export function stsError(code: string, message: string, requestId: string): string {
  const error = element('Error', { Type: 'Sender', Code: code, Message: message });
  return `${HEAD}<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${error}${element('RequestId', requestId)}</ErrorResponse>`;
}
