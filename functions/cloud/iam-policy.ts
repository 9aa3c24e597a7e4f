// Policies of AWS's IAM, as JSON. What is allowed names its actions and its resources; only what is denied may say "all".

/** A policy as AWS reads it. `json` is the stack's: a resource's name may come later. */
export function policy<Later>(json: (value: unknown) => Later, statements: readonly unknown[]): Later {
  return json({ Version: '2012-10-17', Statement: statements });
}

export function allow<Later>(actions: readonly string[], resources: readonly Later[]) {
  return { Effect: 'Allow', Action: actions, Resource: resources };
}

/** Refuses everybody who comes without TLS. */
export function onlyEncrypted<Later>(action: string, resources: readonly Later[]) {
  return {
    Effect: 'Deny',
    Principal: '*',
    Action: [action],
    Resource: resources,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}
