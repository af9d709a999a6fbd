import { InvalidArgumentError } from '../errors.js'

/*
 * With other session plugins one writes `request.session.user = 'ada'`. Here that would be a property of an object that is
 * gone after the request, and nobody would know; so it is an error that says what to write. Where it is in the prototype
 * chain, only names that the session does not have get here, so its methods cost what they did.
 */
const REFUSING = new Proxy(Object.prototype, {
  set (target, name, value, receiver) {
    if (typeof name === 'symbol') return Reflect.set(target, name, value, receiver)
    throw new InvalidArgumentError(`A session has no property ${name}, and would not keep it. Use request.session.put('${name}', value)`)
  }
})

/** Has an assignment to a property that the objects of a class do not have throw `FST_SESSION_INVALID_ARGUMENT`. */
export function refuseAssignments (prototype: object): void {
  Object.setPrototypeOf(prototype, REFUSING)
}
