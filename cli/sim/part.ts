import type { Io } from '../io.ts'
export const partCommand = async (_words: string[], _io: Io): Promise<number> => 2
