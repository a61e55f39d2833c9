// Package verdict is what is said about a subject, whatever its kind: rules, their findings,
// and the verdict that they make together. Which rules there are it does not know.
package verdict
