/**
 * What every program that is measured gets as its environment, ours and the peers' alike. The caller's own is left out: NODE_OPTIONS and
 * NODE_EXTRA_CA_CERTS cost tens of ms per start, and GOMAXPROCS or GODEBUG would change the peer.
 */
export const benchEnv: NodeJS.ProcessEnv = {
  PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`,
  HOME: process.env['HOME'] ?? '/tmp',
  LC_ALL: 'C',
}
