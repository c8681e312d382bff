/** User edits and what follows from them; the usual; what has all day. */
export type Priority = 'user' | 'normal' | 'sweep';

/** The most urgent first. */
export const PRIORITIES: readonly Priority[] = ['user', 'normal', 'sweep'];
