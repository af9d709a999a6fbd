/*
 * What a session can hold. An application that keeps what a client has sent must not be able to make each later request of
 * that session slow: so both ways are bounded, and what is encoded can be decoded.
 */

/** How many levels of objects, arrays, Maps and Sets a value has at most. */
export const MOST_LEVELS = 200

/** How many values a session has at most: each element of an array, each property, each key and value of a Map counts. */
export const MOST_VALUES = 200_000

/** How long a bigint is at most, in bits: 4,932 decimal digits. Reading digits takes time in proportion to their number's square. */
export const MOST_BIGINT_BITS = 16_384

/** How large an encoded session is at most, in bytes. */
export const MOST_BYTES = 16 * 1024 * 1024
