/** The agent's file. JSON Schema literals, as in `wire/options.ts`: one truth for the type, the validation and the docs page. */
import type { XStatic } from 'typebox/schema'
import { assignmentSchema } from '../../wire/assignment.ts'
import { endpoint, secret, word } from './endpoint-schema.ts'

export const scopes = ['pod', 'node', 'loadBalancer'] as const

const port = { type: 'integer', minimum: 0, maximum: 65_535 } as const

const self = {
  type: 'object',
  additionalProperties: false,
  description: 'who this agent is and where it stands',
  properties: {
    id: { ...word, description: 'its name in the fleet; default: cluster and node, else the host name' },
    cloud: { ...word, description: 'aws, azure, gcp, or a name of your own' },
    region: { ...word, description: 'of the cloud: us-east-1, eastus' },
    zone: { ...word, description: 'availability zone' },
    cluster: { ...word, description: 'Kubernetes cluster' },
    node: { ...word, description: 'Kubernetes node' },
    namespace: { ...word, description: 'Kubernetes namespace' },
    interception: {
      enum: ['check', 'off'],
      description: 'whether to find out at the start that a sidecar answers our connections (one SYN to 192.0.2.1); default: check',
    },
    serviceAccount: { ...word, description: 'Kubernetes service account' },
    labels: {
      type: 'object',
      additionalProperties: { type: 'string', minLength: 1, maxLength: 256 },
      description: 'for choosing agents in the fleet file; what the proof of its identity says wins',
      examples: ['{ team: payments }'],
    },
    runner: {
      type: 'boolean',
      description: "runs only the checks whose `as` names its own namespace and service account, with that workload's identity",
    },
    advertise: {
      type: 'array',
      description: 'where other agents reach the responder, and from how far',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['scope', 'host'],
        properties: {
          scope: {
            enum: scopes,
            description: 'pod: inside the cluster; node: through the node; loadBalancer: from anywhere',
          },
          host: { ...word, description: 'address or name, without a port', examples: ['10.0.0.5', 'agents.example'] },
          ports: {
            type: 'object',
            additionalProperties: false,
            description: "where they are not the responder's own: behind a NodePort or a balancer",
            properties: {
              echo: { ...port, description: 'of TCP echo and the UDP reflector' },
              tls: { ...port, description: 'of TLS' },
              mtls: { ...port, description: 'of mutual TLS' },
            },
          },
        },
      },
    },
  },
} as const

const identity = {
  type: 'object',
  additionalProperties: false,
  description: 'our X.509-SVID, for mtls and bundle checks, the responder and endpoints with svid: true',
  properties: {
    workloadApi: {
      type: 'string',
      description: 'SPIFFE Workload API; default: SPIFFE_ENDPOINT_SOCKET',
      examples: ['unix:///run/spire/agent.sock'],
    },
    cert: { type: 'string', description: 'PEM file of our certificate and its chain, read again when it changes' },
    key: { type: 'string', description: 'PEM file of our private key' },
    ca: { type: 'string', description: 'PEM file of authorities to trust' },
    bundles: { type: 'object', additionalProperties: { type: 'string' }, description: 'trust domain: file' },
  },
} as const

const responder = {
  type: 'object',
  additionalProperties: false,
  description: 'answers the probes of other agents; under a controller also when it is not here',
  properties: {
    enabled: { type: 'boolean', description: 'default: true' },
    bind: {
      type: 'array',
      items: { type: 'string' },
      minItems: 1,
      description: 'addresses to listen on; default: all',
      examples: ['["0.0.0.0", "::"]'],
    },
    tcp: { ...port, description: 'TCP echo; default 7460' },
    udp: { ...port, description: 'UDP reflector; default 7460' },
    tls: { ...port, description: 'TLS; default 7461; needs an identity' },
    mtls: { ...port, description: 'mutual TLS; default 7462; needs an identity' },
  },
} as const

const controller = {
  type: 'object',
  additionalProperties: false,
  description: 'the controller that this agent is under: it says what to check and takes the results',
  properties: {
    url: { type: 'string', examples: ['https://causeway.example:7443'], description: 'https, except on loopback' },
    ca: {
      type: 'string',
      description: 'PEM file of authorities to trust instead of the public ones, or of the one that a join token names',
    },
    joinToken: { ...secret, description: 'for the first enrolment, single use: a text, { env: NAME } or { file: path }' },
    token: {
      type: 'string',
      description: 'projected service account token; default: /var/run/secrets/causeway/token where that exists',
    },
    spiffe: { type: 'boolean', description: "enrol with the agent's own SVID" },
  },
} as const

export const configSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    agent: self,
    identity,
    controller,
    ...assignmentSchema.properties,
    responder,
    export: { type: 'array', items: endpoint, description: 'where results go, by OTLP/HTTP' },
    data: {
      type: 'string',
      description: 'directory of the spool; default: /var/lib/causeway where that can be written, else ~/.local/state/causeway',
    },
    spool: {
      type: 'object',
      additionalProperties: false,
      description: 'what waits for endpoints, on disk',
      properties: {
        limit: {
          type: 'string',
          pattern: '^\\d+(\\.\\d+)? ?([kKmM]([iI]?[bB])?)?$',
          examples: ['256MiB'],
          description: 'of all its files; default: 256MiB, at least 1MiB',
        },
      },
    },
    listen: {
      type: 'string',
      description: '/metrics, /healthz and /readyz; default 127.0.0.1:9464; off: none',
      examples: ['127.0.0.1:9464', 'off'],
    },
    policy: { type: 'string', description: 'file that says which networks and ports may be probed' },
  },
} as const

export type ConfigFile = XStatic<typeof configSchema>
export type EndpointFile = XStatic<typeof endpoint>
export type ControllerFile = XStatic<typeof controller>
export type SecretFile = XStatic<typeof secret>
