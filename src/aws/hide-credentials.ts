/** A text without what looks like a key or a token of AWS, or like a token of Kubernetes, wherever it came from (S12). */
export const hideCredentials = (text: string): string =>
  text
    .replaceAll(/\b(AKIA|ASIA)[A-Z0-9]{12,}\b/g, '<access key>')
    .replaceAll(/\b(IQoJ|FwoG|FQoG|AQoD)[A-Za-z0-9+/=]{16,}/g, '<session token>')
    .replaceAll(/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g, '<token>');
