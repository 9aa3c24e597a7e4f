/// <reference path="./.sst/platform/config.d.ts" />

// The AWS path, deployed by SST: `npx sst deploy --stage production` (docs/operate/aws.md). What stands there is said in
// functions/cloud/stack.ts; this file only gives it SST's constructors and the settings of whoever deploys.

export default $config({
  app(input) {
    return {
      name: 'starling',
      home: 'aws',
      removal: input?.stage === 'production' ? 'retain' : 'remove',
      protect: input?.stage === 'production',
      providers: { aws: { region: process.env.AWS_REGION || 'eu-central-1' } },
    };
  },

  // SST forbids imports at the top: what is deployed is only read when it is asked for.
  async run() {
    const { makeStack } = await import('./functions/cloud/stack.ts');
    const email = process.env.STARLING_ALERT_EMAIL;
    return makeStack(
      {
        aws,
        makeFunction: (name, args) => new sst.aws.Function(name, args),
        text: $interpolate,
        json: $jsonStringify,
      },
      {
        name: `${$app.name}-${$app.stage}`,
        region: process.env.AWS_REGION || 'eu-central-1',
        ...(email ? { alertEmail: email } : {}),
      },
    );
  },
});
