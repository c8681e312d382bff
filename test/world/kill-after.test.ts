import { describeDeaths } from './deaths.ts';

await describeDeaths('after');
