/** The right to make one call, which has its token already. */
export interface Permit {
  readonly action: string;
  /**
   * Uses the token. `void`: AWS has refused such a call since it was given, and would refuse this one, too. `used`: it was
   * used before, and whoever calls once more has to get another one.
   */
  spend(): 'spent' | 'void' | 'used';
  /** The call has ended, or is not made: a token that was not used goes to somebody else. */
  release(): void;
}
