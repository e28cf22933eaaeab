/** The options of a federated credential, and where tokens come from; what schemas are is in options.ts. */
import { source, timeoutMs } from './option-parts.ts'

export const clouds = ['aws', 'azure', 'gcp'] as const
export type Cloud = (typeof clouds)[number]
export const isCloud = (text: string): text is Cloud => (clouds as readonly string[]).includes(text)

export const tokenOrigins = ['file', 'url', 'azure', 'gcp', 'aws'] as const
export type TokenOrigin = (typeof tokenOrigins)[number]

/** The variables that the clouds' own libraries read, taken as they are. Those that are credentials themselves are not among them. */
export const standardVariables = [
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_DEFAULT_REGION',
  'AWS_EC2_METADATA_SERVICE_ENDPOINT',
  'AWS_ENDPOINT_URL_STS',
  'AWS_REGION',
  'AWS_ROLE_ARN',
  'AWS_ROLE_SESSION_NAME',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AZURE_AUTHORITY_HOST',
  'AZURE_CLIENT_ID',
  'AZURE_FEDERATED_TOKEN_FILE',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
  'AZURE_TENANT_ID',
  'GCE_METADATA_HOST',
  'GOOGLE_APPLICATION_CREDENTIALS',
] as const
export type StandardVariable = (typeof standardVariables)[number]

/** The standard variables that are set. */
export const readStandardVariables = (environment: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(standardVariables.flatMap(name => (environment[name] ? [[name, environment[name]]] : [])))

/** The same for a federated credential and for the bearer of a request. */
export const tokenOptions = {
  tokenFrom: {
    enum: tokenOrigins,
    description:
      "where our token comes from: a file, a URL, the metadata service of azure or gcp, or aws (the pod's or the instance's role); default: what the standard variables say",
  },
  tokenFile: { type: 'string', description: 'file with our token, read again for every run' },
  tokenUrl: { type: 'string', maxLength: 2048, description: 'URL that gives our token' },
  audience: {
    type: 'string',
    maxLength: 1024,
    description: 'whom the token is to be for; asked of a metadata service; default: what the cloud wants',
  },
  environment: {
    type: 'object',
    additionalProperties: { type: 'string' },
    default: {},
    description: 'standard variables (AWS_ROLE_ARN, AZURE_CLIENT_ID, GOOGLE_APPLICATION_CREDENTIALS, …); set by the program from its own',
  },
} as const

export const federation = {
  type: 'object',
  additionalProperties: false,
  required: ['timeoutMs', 'environment'],
  properties: {
    timeoutMs: { ...timeoutMs, default: 15_000 },
    source,
    caFile: { type: 'string', description: 'PEM file of the authorities to trust for HTTPS, instead of the public ones' },
    to: { enum: clouds, description: 'the cloud whose credential is wanted; default: the one that the target names' },
    ...tokenOptions,
    issuer: { type: 'string', maxLength: 1024, description: "the issuer that the token must have, byte for byte: the cloud's own setting" },
    subject: {
      type: 'string',
      maxLength: 1024,
      description: "the subject that the cloud's policy allows; with * or ? as the policy has them",
    },
    roleArn: { type: 'string', pattern: '^arn:[a-z-]+:iam::\\d{12}:role/[\\w+=,.@/-]{1,512}$', description: 'AWS: the role to assume' },
    region: { type: 'string', pattern: '^[a-z0-9-]{1,32}$', description: 'AWS: the region whose STS is asked' },
    tenantId: { type: 'string', pattern: '^[A-Za-z0-9.-]{1,128}$', description: 'Azure: the tenant' },
    clientId: { type: 'string', pattern: '^[A-Za-z0-9-]{1,128}$', description: 'Azure: the application, or the managed identity' },
    scope: { type: 'string', maxLength: 512, description: 'Azure: what the access token is for; default: what the call needs' },
    provider: {
      type: 'string',
      pattern: '^//iam\\.googleapis\\.com/projects/\\d+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+$',
      description: 'GCP: full name of the workload identity provider',
    },
    serviceAccount: {
      type: 'string',
      pattern: '^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+$',
      description: 'GCP: the service account to impersonate; without it the federated token itself is used',
    },
    credentialsFile: { type: 'string', description: 'GCP: an external_account file; an executable source is refused' },
    endpoint: { type: 'string', maxLength: 2048, description: 'URL of the token service, instead of the public one' },
    iamEndpoint: { type: 'string', maxLength: 2048, description: 'GCP: URL of IAM credentials, instead of the public one' },
    call: { enum: ['s3', 'blob', 'gcs', 'vertex', 'url'], description: 'the authorised call to make with the credential' },
    resource: {
      type: 'string',
      maxLength: 512,
      description: 's3 and gcs: the bucket; blob: account/container; vertex: projects/…/locations/…/endpoints/… or …/publishers/…/models/…',
    },
    callUrl: { type: 'string', maxLength: 2048, description: 'the URL to call, or the host of a preset instead of the public one' },
    callMethod: { enum: ['GET', 'HEAD', 'POST'], description: 'default: GET; vertex: POST' },
    callBody: { type: 'string', maxLength: 65_536, description: 'body of the call, JSON' },
  },
} as const
