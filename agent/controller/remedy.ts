/** What people can do about a refusal. Its detail begins with a reason of the controller's; of one that is not here the detail has to do. */
const remedies: Readonly<Record<string, string>> = {
  banned: 'an operator of the controller has to lift the ban',
  join_token_unknown: 'a new join token from this controller',
  join_token_used: 'a new join token: each is good once',
  join_token_expired: 'a new join token: each is good for ten minutes',
  issuer_unknown: "clusters in the controller's fleet file: add the issuer of this cluster",
  subject_not_allowed: "clusters[].subjects in the controller's fleet file: add this service account",
  audience_mismatch: 'audience of the projected token in the pod spec: want that of the cluster in the fleet file',
  location_unknown: '--cluster: want the name of one of the clusters in the fleet file',
  claims_differ:
    'what this agent says of itself (cloud, region, zone, cluster, node) is not what its proof says: leave it out, or correct it',
  trust_domain_unknown: "trustDomains in the controller's fleet file: add the one of this agent",
  credential_unknown: 'it was replaced or its agent banned: a proof of identity gives another',
}

export const remedyOf = (detail: string): string | undefined => {
  const [, reason = ''] = /^answered \d+: (\w+):/.exec(detail) ?? []
  return remedies[reason]
}
