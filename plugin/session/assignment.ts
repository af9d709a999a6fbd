import { InvalidArgumentError } from '../errors.js'

/*
 * With other session plugins, applications write `request.session.user = 'ada'`. Here such a property would be lost without
 * notice when the request ends, so an assignment throws an error that says what to write. This proxy is the end of the
 * prototype chain: only names that the session does not have get here, so its methods are not slower.
 */
const REFUSING = new Proxy(Object.prototype, {
  set (target, name, value, receiver) {
    if (typeof name === 'symbol') return Reflect.set(target, name, value, receiver)
    throw new InvalidArgumentError(`A session has no property ${name}, and would not keep it. Use request.session.put('${name}', value)`)
  }
})

/** Makes assignments to unknown properties of a class's objects throw `FST_SESSION_INVALID_ARGUMENT`. */
export function refuseAssignments (prototype: object): void {
  Object.setPrototypeOf(prototype, REFUSING)
}
