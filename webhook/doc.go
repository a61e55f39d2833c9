// Package webhook is the admission server: an AdmissionReview comes in, the
// verdict goes out.
//
//   - [Decider] decides: it makes a change of the request, has it judged, and words
//     the answer (respond.go). How a verdict is reached is package review's.
//   - endpoint (http.go) guards it: what is no AdmissionReview, too large or too
//     slow is answered there. How much is judged at once is bounded by gates (gates.go),
//     each a room (room.go) that clients share fairly.
//   - [Server] serves it over TLS, to clients with a certificate if it is told to
//     (clients.go), answers probes and metrics beside it, and keeps answering for a while
//     after it is told to stop. Its connections share their places (connections.go), but
//     for those on which it asks itself whether it answers (selfcheck.go).
package webhook
