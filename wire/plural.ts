/** `1 path`, `2 paths`: of words that take an s. */
export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
