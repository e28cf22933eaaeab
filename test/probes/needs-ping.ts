import { EchoSocket, openEchoSocket } from '../../probes/net/echo-socket.ts'

const socket = openEchoSocket(4)
if (socket instanceof EchoSocket) socket.close()

/** For tap's `skip`: false where this process may send echoes, else the command that would let the test run. */
export const needsPing: false | string =
  socket instanceof EchoSocket ? false : 'needs ICMP: sudo sysctl -w net.ipv4.ping_group_range="0 2147483647"'
