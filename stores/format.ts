/** Format and version. All data that this package writes begin so: those of its text codec, and the notes of its stores. */
export const FORMAT = 'FSS1 '
