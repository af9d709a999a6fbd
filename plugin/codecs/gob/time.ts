/*
 * time.Time as its MarshalBinary writes it: a version, seconds since the year 1, nanoseconds, and the zone's offset in
 * minutes, which is -1 for UTC. Version 2 has the seconds of the offset too.
 */

const LENGTH = 15
const LENGTH_OF_VERSION_2 = 16
/** From the year 1 to 1970, in seconds. */
const TO_1970 = 62_135_596_800
const UTC = -1

/** Go's zero time, in milliseconds since 1970 UTC. */
export const ZERO_TIME = -TO_1970 * 1000

/**
 * The time in these bytes, in milliseconds since 1970 UTC, rounded down. A Date may not be able to hold it. Undefined for other
 * bytes.
 */
export function readTime (bytes: Buffer, start: number, length: number): number | undefined {
  const version = bytes[start]
  if (!(version === 1 && length === LENGTH) && !(version === 2 && length === LENGTH_OF_VERSION_2)) return undefined
  const seconds = bytes.readInt32BE(start + 1) * 2 ** 32 + bytes.readUInt32BE(start + 5)
  return (seconds - TO_1970) * 1000 + Math.floor(bytes.readInt32BE(start + 9) / 1e6)
}

/** Whether the time in these bytes is exactly what {@link timeBytes} makes of it. */
export function isWholeTime (bytes: Buffer, start: number): boolean {
  return bytes[start] === 1 && bytes.readInt32BE(start + 9) % 1e6 === 0 && bytes.readInt16BE(start + 13) === UTC
}

const scratch = Buffer.alloc(LENGTH)

/** A time of UTC, in a buffer that the next call uses again. */
export function timeBytes (time: number): Buffer {
  const seconds = Math.floor(time / 1000)
  scratch[0] = 1
  scratch.writeInt32BE(Math.floor((seconds + TO_1970) / 2 ** 32), 1)
  scratch.writeUInt32BE((seconds + TO_1970) % 2 ** 32 >>> 0, 5)
  scratch.writeInt32BE((time - seconds * 1000) * 1e6, 9)
  scratch.writeInt16BE(UTC, 13)
  return scratch
}
