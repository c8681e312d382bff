import { describeDeaths } from './deaths.ts';

await describeDeaths('before');
