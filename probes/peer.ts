import type { X509Certificate } from 'node:crypto'
import { type ReadBundle, readBundleJson, readBundlePem } from '../judge/spiffe/bundle.ts'
import { type Certificate, isNamedIssuer, type ReadCertificate, readCertificate } from '../judge/spiffe/certificate.ts'
import { parseSpiffeId, printSpiffeId } from '../judge/spiffe/id.ts'
import { type Matcher, matchId, matchTrustDomain } from '../judge/spiffe/match.ts'
import { judgeX509Svid, type X509Bundles } from '../judge/spiffe/x509-svid.ts'
import type { CertificateStamp } from '../wire/measured-identity.ts'
import type { Outcome, Violation, Warning } from '../wire/result.ts'
import { unmeasured } from './finding.ts'
import type { Identity, Svid, TrustBundle } from './identity/identity.ts'
import { keep } from './net/kept.ts'

export type PeerExpectation = { identity: Identity; svid?: Svid; nowMs: number; expectId?: string; expectTrustDomain?: string }

export type PeerJudgement = {
  id: string | null
  trustDomain: string | null
  verified: boolean
  violations: Violation[]
  warnings: Warning[]
  /** Why the chain could not be judged: we hold no bundle at all. */
  unmeasured?: Outcome
  expiry?: { secondsLeft: number; subject: string }
  /** The authority on which the path ends, and when the leaf begins. */
  signer?: { authority: Certificate; sinceMs: number }
  rotation?: { served: CertificateStamp; held: CertificateStamp }
}

/** What a certificate says depends on its bytes alone (SHA-256 is their fingerprint), and a server shows the same one for hours. Dates and trust are judged anew. */
const readings = keep<ReadCertificate>(256)
/** Our own PEM likewise. */
const pems = keep<ReadBundle>(32)
const readPem = (pem: string): readonly Certificate[] => {
  const read = pems(pem, () => readBundlePem(pem))
  return read.ok ? read.bundle.x509 : []
}

const authoritiesOf = ({ document, authoritiesPem }: TrustBundle): readonly Certificate[] => {
  const read = document ? readBundleJson(document) : readBundlePem(authoritiesPem)
  return read.ok ? read.bundle.x509 : []
}

const parsed = new WeakMap<Identity, X509Bundles>()

/** The bundles of an identity as certificates, read once per identity: they are the same objects until something changes. */
export const bundlesOf = (identity: Identity): X509Bundles => {
  const known = parsed.get(identity)
  if (known) return known
  const bundles = new Map([...identity.bundles].map(([name, bundle]) => [name, authoritiesOf(bundle)]))
  parsed.set(identity, bundles)
  return bundles
}

const matcherOf = ({ expectId, expectTrustDomain }: PeerExpectation): Matcher | undefined => {
  const id = expectId === undefined ? undefined : parseSpiffeId(expectId)
  if (id?.ok) return matchId(id.id)
  return expectTrustDomain === undefined ? undefined : matchTrustDomain(expectTrustDomain)
}

/** Reads what `judgePeer` needs of our own side; it is kept. */
export const prepareJudgement = (identity: Identity, svid: Svid | undefined): void => {
  bundlesOf(identity)
  knownOf({ identity, svid })
}

/** Judges the chain that a peer sent by every SPIFFE rule, whatever OpenSSL thought of it. */
export const judgePeer = (chain: readonly X509Certificate[], expected: PeerExpectation): PeerJudgement => {
  const certificates: Certificate[] = []
  for (const [index, one] of chain.entries()) {
    const read = readings(one.fingerprint256, () => readCertificate(one.raw))
    if (!read.ok) return nothing({ code: 'untrusted_chain', detail: `certificate ${index + 1} of ${chain.length}: ${read.problems[0]}` })
    certificates.push(read.certificate)
  }
  const [leaf, ...others] = certificates
  if (!leaf) return nothing({ code: 'no_spiffe_id', detail: 'the server sent no certificate' })
  const held = withAuthorities(expected.identity, leaf)
  const judged = judgeX509Svid([leaf, ...others], {
    nowMs: expected.nowMs,
    bundles: held,
    expect: matcherOf(expected),
    crls: expected.identity.crls,
    known: knownOf(expected),
  })
  const { certificate } = judged.expiry
  return {
    id: judged.id && printSpiffeId(judged.id),
    trustDomain: judged.id?.trustDomain ?? null,
    verified: judged.verified === true && judged.violations.length === 0,
    violations: judged.violations.map(({ code, detail, rule }) => ({ code, detail, rule })),
    warnings: judged.warnings,
    ...(held
      ? {}
      : {
          unmeasured: unmeasured(
            'local_bundle_missing',
            `${expected.identity.source}: no bundle to verify the server with; give --bundle <trust domain>=<file>, --ca <file> or --workload-api`,
          ),
        }),
    expiry: {
      secondsLeft: Math.round((certificate.notAfterMs - expected.nowMs) / 1000),
      subject: certificate.subject || `serial ${certificate.serial}`,
    },
    ...(judged.verified ? { signer: { authority: judged.path.at(-1)!, sinceMs: leaf.notBeforeMs } } : {}),
    ...rotationOf(chain[0]!, judged.id && printSpiffeId(judged.id), expected.svid),
  }
}

const nothing = (violation: Violation): PeerJudgement => ({
  id: null,
  trustDomain: null,
  verified: false,
  violations: [violation],
  warnings: [],
})

/** Intermediates that we have from elsewhere: those of our own chain (meshes often share one root), and what `--ca` holds besides roots. */
const knownOf = ({ identity, svid }: Pick<PeerExpectation, 'identity' | 'svid'>): Certificate[] => {
  const held = [svid?.chainPem, identity.caPem].filter(pem => pem !== undefined)
  return held.flatMap(pem => readPem(pem).filter(one => one.basicConstraints?.ca === true))
}

/** Authorities without a trust domain (`--ca`) count for the peer's own, where no bundle of it is held. Undefined when nothing is held at all. */
export const withAuthorities = (identity: Identity, leaf: Certificate): X509Bundles | undefined => {
  const bundles = bundlesOf(identity)
  if (!identity.caPem) return bundles.size > 0 ? bundles : undefined
  const [uri] = leaf.names?.uris ?? []
  const id = uri === undefined ? undefined : parseSpiffeId(uri)
  if (!id?.ok || bundles.has(id.id.trustDomain)) return bundles
  const given = readPem(identity.caPem)
  // What another certificate of the file has issued is an intermediate that was put there for completeness, not an authority.
  const anchors = given.filter(one => !given.some(other => other !== one && isNamedIssuer(one, other)))
  return new Map([...bundles, [id.id.trustDomain, anchors.length > 0 ? anchors : given]])
}

/** The peer has our own identity: the same workload behind a proxy. Then what it serves should be what is held. */
const rotationOf = (leaf: X509Certificate, id: string | null, svid: Svid | undefined): Pick<PeerJudgement, 'rotation'> => {
  if (!svid?.id || svid.id !== id || svid.fingerprint256 === leaf.fingerprint256) return {}
  return {
    rotation: {
      served: stamp(leaf.fingerprint256, leaf.serialNumber, leaf.validFromDate.getTime(), leaf.validToDate.getTime()),
      held: stampOf(svid),
    },
  }
}

/** An SVID of ours in a few words. */
export const stampOf = (svid: Svid): CertificateStamp => stamp(svid.fingerprint256, svid.serial, svid.notBeforeMs, svid.notAfterMs)

const stamp = (fingerprint256: string, serial: string, fromMs: number, toMs: number): CertificateStamp => ({
  fingerprint256,
  serial,
  notBefore: new Date(fromMs).toISOString(),
  notAfter: new Date(toMs).toISOString(),
})
