/** How Google answers errors: OAuth's form at STS, google.rpc.Status elsewhere. */
import { json, type Said } from './cloud-http.ts'

export const oauth = (error: string, description: string, status = 400): Said => json(status, { error, error_description: description })
export const rpc = (code: number, status: string, message: string, reason?: string, metadata: Record<string, string> = {}): Said =>
  json(code, {
    error: {
      code,
      message,
      status,
      ...(reason && { details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com', metadata }] }),
    },
  })
export const unauthenticated = (): Said =>
  rpc(
    401,
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
  )
