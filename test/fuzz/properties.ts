import { CODEC_PROPERTIES } from './codec-properties.js'
import { GOB_PROPERTIES } from './gob-properties.js'
import { LOG_PROPERTIES } from './log-properties.js'
import type { Property } from './property.js'
import { REQUEST_PROPERTIES } from './request-properties.js'

/** What `npm test` tries with a few thousand inputs, and `npm run fuzz` with a million. */
export const PROPERTIES: readonly Property[] = [...REQUEST_PROPERTIES, ...CODEC_PROPERTIES, ...GOB_PROPERTIES, ...LOG_PROPERTIES]
