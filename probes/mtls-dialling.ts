import type { Options } from '../wire/options.ts'
import type { Resolved } from './finding.ts'
import type { Svid } from './identity/identity.ts'
import type { HandshakeOptions } from './net/handshake.ts'
import { handshakeOptions } from './tls.ts'

/** The protocols by which Istio's gateways know mesh traffic; another offer finds no filter chain. */
const istioAlpn = ['istio-peer-exchange', 'istio']
/** The server names of AUTO_PASSTHROUGH: `outbound_.<port>_.<subset>_.<host>`. */
const isIstioName = (sni: string | undefined): boolean => sni?.startsWith('outbound_.') === true

/** How one connection is made, with our certificate or without any. */
export const dialling = (target: Resolved, options: Options['mtls'], svid: Svid | undefined): HandshakeOptions => ({
  ...handshakeOptions(target, options),
  alpn: options.alpn.length === 0 && isIstioName(options.sni) ? istioAlpn : options.alpn,
  hello: 'small',
  heedRequest: true,
  trustNobody: true,
  ...(svid ? { cert: svid.chainPem, key: svid.key.reveal() } : {}),
})
