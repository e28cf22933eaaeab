/** Repairs on our own side: the token and its issuer, the same for every cloud. */
import type { Fix } from '../../wire/causes.ts'
import type { FederationFacts } from './federation-facts.ts'
import { fix } from './say.ts'

/** A token for this audience, from whoever gives it: the volume that projects one (Kubernetes, "Service account token volume projection"), or the metadata service. */
export const fixProjection = ({ raw, wanted, origin, cloud }: FederationFacts): Fix => {
  if (origin === 'azure' || origin === 'gcp')
    return fix(
      `the workload: ask the metadata service for a token for ${raw.wanted}; what it asks for now is ${raw.audience}`,
      `probe run federation://${cloud ?? 'CLOUD'} --token-from ${origin} --audience ${wanted}`,
    )
  if (origin === 'url')
    return fix(
      `the external_account file, its line credential_source.url: a token must be asked for there whose audience is ${raw.wanted} (Azure: its parameter resource), not ${raw.audience}`,
      'grep -n -A3 credential_source "$GOOGLE_APPLICATION_CREDENTIALS"',
    )
  return fix(
    `Kubernetes, in the pod: project a token whose audience is ${raw.wanted} (the line audience of the volume), and let the workload read that file`,
    `volumes: [{ name: cloud-token, projected: { sources: [{ serviceAccountToken: { path: token, audience: ${JSON.stringify(raw.wanted)}, expirationSeconds: 3600 } }] } }]`,
  )
}

export const fixStaleToken = ({ namespace, tokenFile }: FederationFacts): Fix[] => [
  fix(
    'the workload: read the token file again for every exchange; the kubelet writes a new one at 80 % of its life, so its time tells who is late',
    `ls -lL --time-style=full-iso ${tokenFile}`,
  ),
  fix(
    'Kubernetes: a pod that mounts the token by subPath never gets a new one; look for it, and restart the pod',
    `kubectl -n ${namespace} get pods -o yaml | grep -n -B2 -A2 subPath`,
  ),
  fix(
    'the node: is its clock right, and does its kubelet renew tokens?',
    "timedatectl; journalctl -u kubelet --since -2h | grep -i 'token'",
  ),
]

export const fixMissingToken = ({ serviceAccount, namespace }: FederationFacts): Fix[] => [
  fix(
    'Kubernetes: is the service account annotated, and was the pod made after that? The webhooks only see new pods',
    `kubectl -n ${namespace} get serviceaccount ${serviceAccount} -o yaml`,
  ),
  fix(
    'the pod: what the webhook set',
    "env | grep -E '^(AWS_ROLE_ARN|AWS_WEB_IDENTITY_TOKEN_FILE|AZURE_FEDERATED_TOKEN_FILE|GOOGLE_APPLICATION_CREDENTIALS)='",
  ),
]

/** The subject is made of both names, so a renamed one is another subject. */
export const fixWorkload = ({ namespace }: FederationFacts): Fix[] => [
  fix(
    "Kubernetes, or else: the subject is made of the pod's namespace and service account; does it run as the one that the policy names?",
    `kubectl -n ${namespace} get pods -o custom-columns=POD:.metadata.name,ACCOUNT:.spec.serviceAccountName`,
  ),
]

/** What a cloud fetches, fetched by hand; from outside, since from here it says little. */
export const fixIssuer = ({ raw, issuer }: FederationFacts): Fix[] => {
  const base = /^https?:\/\/[\w.:[\]/-]+$/.test(raw.issuer) ? raw.issuer.replace(/\/$/, '') : 'ISSUER'
  return [
    fix(
      'from outside your networks: this document, and the one at its jwks_uri, must come as JSON, without a redirect, within five seconds',
      `curl -sS -m 5 ${base}/.well-known/openid-configuration`,
    ),
    fix(
      'the cluster: what it calls itself, and which keys it publishes',
      'kubectl get --raw /.well-known/openid-configuration; kubectl get --raw /openid/v1/jwks',
    ),
    fix('the API server: the flag that must be this issuer, byte for byte', `--service-account-issuer=${issuer}`),
  ]
}

export const fixKeys = (facts: FederationFacts): Fix[] => [
  fix(
    `where the issuer's keys are published (a bucket, a CDN): put the present key set there, the key ${facts.raw.keyId} beside the old ones`,
    'kubectl get --raw /openid/v1/jwks > keys.json',
  ),
  fix('the API server: a new key is published before it signs', '--service-account-key-file=NEW.pub --service-account-key-file=OLD.pub'),
  ...fixIssuer(facts).slice(0, 1),
]
