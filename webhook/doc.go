// Package webhook is the admission server: an AdmissionReview comes in, the
// verdict goes out.
//
//   - [Decider] decides: it makes a change of the request, has it judged, and words
//     the answer (respond.go). How a verdict is reached is package review's.
//   - endpoint (http.go) guards it: what is no AdmissionReview, too large or too
//     slow is answered there.
//   - [Server] serves it over TLS, answers probes and metrics beside it, and
//     keeps answering for a while after it is told to stop.
package webhook
