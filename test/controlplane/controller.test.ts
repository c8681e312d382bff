import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDocuments } from '../../src/api/documents.ts';
import { TAG } from '../../src/policy/tags.ts';
import type { WorldView } from '../../src/simulator/ec2/world-view.ts';
import { type SimulatedAws, simulatedAws } from '../fleet/simulated-aws.ts';
import { BUILDERS, PRODUCTION, SAMPLE_WORLD } from '../fleet/worlds.ts';
import { AmifleetProcess } from '../process/amifleet-process.ts';
import { until } from '../process/until.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { serviceAccountKubeconfig } from './service-account.ts';
import { describeOnControlPlane } from './suite.ts';

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const SAMPLES = readdirSync(root('deploy/samples')).filter((name) => name.endsWith('.yaml'));

/** Of the policy that most of this is about; what the others retain stays beside it. */
const copiesOf = (world: WorldView): WorldView['images'] =>
  world.images.filter(({ tags, state }) => tags[TAG.policy] === 'platform/golden' && state !== 'deregistered');

/**
 * The whole product as it is installed: the process, with a token of the ServiceAccount of `deploy/`, against a real
 * kube-apiserver. It has that API server to itself, because a controller works on every policy there is.
 */
describeOnControlPlane('the controller, as deployed, on a real API server', () => {
  let plane: ControlPlane;
  let aws: SimulatedAws;
  let kubeconfig: string;
  let controller: AmifleetProcess;

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const start = (...args: string[]): AmifleetProcess =>
    new AmifleetProcess(
      ['controller', '--kubeconfig', kubeconfig, '--resync', '2s', '--verify-permissions', '2s', ...args],
      aws.environment(BUILDERS),
    );

  beforeAll(async () => {
    plane = await startControlPlane();
    aws = await simulatedAws(SAMPLE_WORLD, 20);
    await kubectl('apply', '-k', root('deploy/kustomize'));
    await kubectl('wait', '--for=condition=Established', 'crd', '--all');
    await kubectl('create', 'namespace', 'platform');
    // The samples share their accounts, which outlive the policies: one that goes needs its account for its last words.
    await kubectl('apply', '-f', root('test/fleet/accounts.yaml'));
    kubeconfig = await serviceAccountKubeconfig(plane, 'amifleet-system', 'amifleet');
    controller = start();
    await controller.says(/controller is ready/);
  });
  afterAll(async () => {
    await controller?.kill('SIGKILL');
    await aws?.stop();
    await plane?.stop();
  });

  it.each(SAMPLES)(
    '%s becomes real images, and kubectl wait sees it',
    async (sample) => {
      const file = root(`deploy/samples/${sample}`);
      await kubectl('apply', '-f', file);
      const policies = readDocuments(readFileSync(file, 'utf8'), sample).policies.map(({ metadata }) => metadata.name);
      for (const name of policies) {
        await kubectl('wait', '--for=condition=Ready', '--timeout=30s', '-n', 'platform', `amipolicy/${name}`);
        expect(await kubectl('get', 'amip', '-n', 'platform', name, '--no-headers')).toMatch(/True/);
        await kubectl('delete', 'amipolicy', '-n', 'platform', name, '--timeout=30s');
      }
    },
    60_000,
  );

  describe('with the shared fleet applied', () => {
    beforeAll(async () => {
      await kubectl('apply', '-f', root('deploy/samples/shared-fleet.yaml'));
      await kubectl('wait', '--for=condition=Ready', '--timeout=60s', '-n', 'platform', 'amipolicy/golden');
    });

    it('holds the newest three of each family in every target, shared as listed', () => {
      const copies = copiesOf(aws.aws.world()).filter(({ state }) => state === 'available');
      const byTarget = Map.groupBy(copies, ({ account, region }) => `${account}/${region}`);
      expect([...byTarget.keys()].toSorted()).toHaveLength(7);
      for (const images of byTarget.values()) expect(images).toHaveLength(6);
      for (const image of copies) {
        expect(image.permissions.accounts.toSorted()).toEqual(
          image.account === BUILDERS ? ['444455556666', '555566667777'] : [],
        );
      }
    });

    it('tells in events what it did', async () => {
      const events = await kubectl('get', 'events', '-n', 'platform', '-o', 'jsonpath={.items[*].reason}');
      expect(events).toContain('CopyImage');
      expect(events).toContain('Share');
    });

    it('says in kubectl describe how things stand', async () => {
      const text = await kubectl('describe', 'amipolicy', '-n', 'platform', 'golden');
      expect(text).toMatch(/6 wanted versions are ready in 8 targets/);
    });

    it('repairs what somebody changed by hand, and says so', async () => {
      const image = copiesOf(aws.aws.world()).find(
        ({ account, region }) => account === BUILDERS && region === 'eu-west-1',
      );
      const { EC2Client, ModifyImageAttributeCommand } = await import('@aws-sdk/client-ec2');
      const ec2 = new EC2Client({
        endpoint: aws.url,
        region: 'eu-west-1',
        credentials: { accessKeyId: `AKIASIM${BUILDERS}`, secretAccessKey: 'x' },
      });
      await ec2.send(
        new ModifyImageAttributeCommand({
          ImageId: image?.id,
          LaunchPermission: { Remove: [{ UserId: '444455556666' }], Add: [{ UserId: '999988887777' }] },
        }),
      );
      ec2.destroy();
      await until('the repair', () => {
        const now = aws.aws.world().images.find(({ id }) => id === image?.id);
        return now?.permissions.accounts.toSorted().join() === '444455556666,555566667777';
      });
      const reasons = await kubectl('get', 'events', '-n', 'platform', '-o', 'jsonpath={.items[*].reason}');
      expect(reasons).toContain('Unshare');
    });

    it('changes nothing more, neither in AWS nor in Kubernetes, once all is well', async () => {
      await kubectl('wait', '--for=condition=Ready', '--timeout=60s', '-n', 'platform', 'amipolicy/golden');
      const version = await kubectl(
        'get',
        'amip',
        '-n',
        'platform',
        'golden',
        '-o',
        'jsonpath={.metadata.resourceVersion}',
      );
      aws.aws.resetCalls();
      // Three resyncs: each lists every target once.
      await until('three resyncs', () =>
        aws.aws
          .calls()
          .some(
            ({ action, region, account, count }) =>
              action === 'DescribeImages' && region === 'eu-west-1' && account === PRODUCTION && count >= 3,
          ),
      );
      const mutations = aws.aws.calls().filter(({ action }) => !/^(Describe|Get|List|AssumeRole)/.test(action));
      expect(mutations).toEqual([]);
      expect(
        await kubectl('get', 'amip', '-n', 'platform', 'golden', '-o', 'jsonpath={.metadata.resourceVersion}'),
      ).toBe(version);
    });

    it('goes on where it was after a kill -9 in the middle of a change', async () => {
      await kubectl(
        'patch',
        'amip',
        '-n',
        'platform',
        'golden',
        '--type=merge',
        '-p',
        '{"spec":{"retention":{"keepNewest":4}}}',
      );
      await until('the first new copy', () => copiesOf(aws.aws.world()).some(({ name }) => name === 'api-base-1'));
      await controller.kill('SIGKILL');
      controller = start();
      await kubectl('wait', '--for=condition=Ready', '--timeout=60s', '-n', 'platform', 'amipolicy/golden');
      const copies = copiesOf(aws.aws.world());
      const keys = copies.map(({ account, region, tags }) => `${account}/${region} ${tags[TAG.sourceImage]}`);
      expect(keys).toHaveLength(7 * 8);
      expect(new Set(keys).size).toBe(keys.length);
    });

    it('ends within ten seconds of a SIGTERM, also while AWS is silent', async () => {
      aws.aws.setFaults([{ action: '*', nth: 1, times: 1_000_000, kind: 'timeout-before' }]);
      await until('a call that gets no answer', async () => {
        await kubectl(
          'annotate',
          'amip',
          '-n',
          'platform',
          'golden',
          '--overwrite',
          `amifleet.io/reconcile=${Date.now()}`,
        );
        return aws.aws.calls().some(({ failed }) => failed > 0);
      });
      const begun = performance.now();
      const { code } = await controller.kill('SIGTERM');
      expect(performance.now() - begun).toBeLessThan(10_000);
      expect(code).toBe(0);
      aws.aws.setFaults([]);
      controller = start();
      await controller.says(/controller is ready/);
    }, 30_000);

    it('lets go of a policy with deletionPolicy Retain and leaves its images', async () => {
      const before = copiesOf(aws.aws.world()).length;
      await kubectl('delete', 'amip', '-n', 'platform', 'golden', '--timeout=30s');
      expect(copiesOf(aws.aws.world())).toHaveLength(before);
    });
  });

  it('says what is missing when the CRDs are not there', async () => {
    const bare = await startControlPlane();
    try {
      const process = new AmifleetProcess(
        ['controller', '--kubeconfig', bare.kubeconfigPath],
        aws.environment(BUILDERS),
      );
      const { code } = await process.ended;
      expect(code).toBe(1);
      expect(process.stderr).toMatch(/amifleet crds \| kubectl apply/);
    } finally {
      await bare.stop();
    }
  }, 60_000);
});
