/*
 * time.Time as its MarshalBinary writes it: a version, seconds since the year 1, nanoseconds, and the zone's offset in
 * minutes, which is -1 for UTC. Version 2 has the seconds of the offset too.
 */

const LENGTHS: ReadonlyMap<number | undefined, number> = new Map([[1, 15], [2, 16]])
/** From the year 1 to 1970, in seconds. */
const TO_1970 = 62_135_596_800
const UTC = -1

/** Go's zero time, in milliseconds since 1970 UTC. */
export const ZERO_TIME = -TO_1970 * 1000

/** A time in milliseconds since 1970 UTC, rounded down. A Date may not be able to hold it. Undefined for other bytes. */
export function readTime (bytes: Buffer): number | undefined {
  if (bytes.length !== LENGTHS.get(bytes[0])) return undefined
  const seconds = bytes.readInt32BE(1) * 2 ** 32 + bytes.readUInt32BE(5)
  return (seconds - TO_1970) * 1000 + Math.floor(bytes.readInt32BE(9) / 1e6)
}

/** Whether these are exactly the bytes that {@link timeBytes} makes of a time. */
export function isWholeTime (bytes: Buffer): boolean {
  return bytes[0] === 1 && bytes.readInt32BE(9) % 1e6 === 0 && bytes.readInt16BE(13) === UTC
}

/** A time of UTC. */
export function timeBytes (time: number): Buffer {
  const seconds = Math.floor(time / 1000)
  const bytes = Buffer.allocUnsafe(15)
  bytes[0] = 1
  bytes.writeInt32BE(Math.floor((seconds + TO_1970) / 2 ** 32), 1)
  bytes.writeUInt32BE((seconds + TO_1970) % 2 ** 32 >>> 0, 5)
  bytes.writeInt32BE((time - seconds * 1000) * 1e6, 9)
  bytes.writeInt16BE(UTC, 13)
  return bytes
}
