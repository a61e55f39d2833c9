// Package webhook is the admission server: an AdmissionReview comes in, the
// verdict goes out.
//
//   - [Decider] decides: it reads the object, asks the inventory, lets the rules
//     judge and words the answer.
//   - endpoint (http.go) guards it: what is no AdmissionReview, too large or too
//     slow is answered there.
//   - [Server] serves it over TLS, answers probes and metrics beside it, and
//     keeps answering for a while after it is told to stop.
package webhook
