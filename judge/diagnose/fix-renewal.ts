/** What renews a certificate, where only its target and its dates are known. */
import type { Fix } from '../../wire/causes.ts'
import { fix } from './say.ts'

/** Short-lived ones of an identity plane, which a proxy may hold on to. */
export const fixRotation = (): Fix[] => [
  fix(
    'SPIRE agent on that node: does it renew?',
    'kubectl logs --namespace spire daemonset/spire-agent | grep -i -e renew -e rotat -e error',
  ),
  fix('Istio: what does the proxy hold?', 'istioctl proxy-config secret POD --namespace NAMESPACE'),
  fix('the proxy: start it anew', 'kubectl rollout restart --namespace NAMESPACE deployment/NAME'),
]

/** Those that people or an ACME client renew. `intermediate`: it is not the server's own one that ends. */
export const fixCertificate = (intermediate = false): Fix[] => [
  intermediate
    ? fix('the server: put the current intermediate into its chain file', 'cat leaf.pem intermediate.pem > fullchain.pem')
    : fix('Kubernetes, cert-manager: renew now', 'cmctl renew --namespace NAMESPACE CERTIFICATE'),
  fix('certbot: renew now', 'certbot renew --force-renewal'),
  fix(
    'AWS Certificate Manager: why it was not renewed',
    'aws acm describe-certificate --certificate-arn CERTIFICATE_ARN --query Certificate.RenewalSummary',
  ),
  fix('nginx: serve the new file', 'nginx -s reload'),
]
