import type { Io } from '../io.ts'
export const tourCommand = async (_options: { port: number }, _io: Io): Promise<number> => 2
