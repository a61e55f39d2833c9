package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const (
	// maxBody is how large a request may be. kube-apiserver accepts objects of
	// up to 3 MiB; an AdmissionReview carries at most two of them, the new and
	// the old one, and less than 1 MiB of its own: 7 MiB.
	maxBody = 7 << 20
	// smallBody is read without asking: nearly all pods fit, and none of them
	// has to wait for the large ones. Together with maxConnections it bounds the
	// memory that small bodies take.
	smallBody = 64 << 10
	// largeBodies is what all bodies above smallBody may take up at once: two of
	// the largest. Decoding needs as much again, and the garbage collector lets
	// the sum of both double before it frees what is done with.
	largeBodies = 2 * maxBody
	// bodyTimeout is how long a client may take to send its body. The API
	// server has it in memory.
	bodyTimeout = 3 * time.Second
	// maxUID is far above the 36 bytes of a UUID. The UID is logged.
	maxUID = 128
	// answerMargin is kept of the API server's own timeout for the answer to
	// arrive: what is not decided by then is answered in words.
	answerMargin = time.Second
)

// endpoint turns HTTP requests into admission requests. Whatever is no
// AdmissionReview gets an HTTP error with a text; every AdmissionReview gets
// status 200 and an AdmissionReview.
//
// It stands in for controller-runtime's HTTP handler, which reads up to 7 MiB
// for as many clients as come, for as long as they take, and answers garbage
// with status 200; deciding, recovery from panics and the completion of answers
// are still [admission.Webhook]'s.
type endpoint struct {
	webhook *admission.Webhook
	bodies  *semaphore.Weighted
	// deadline bounds the time for one decision where the API server names no
	// timeout, or a longer one.
	deadline time.Duration
	metrics  *Metrics
}

// Handler serves /validate and /mutate. A decision takes at most the deadline,
// and at least a second less than the timeout that the API server asks for.
func (d *Decider) Handler(deadline time.Duration) http.Handler {
	bodies := semaphore.NewWeighted(largeBodies)
	mux := http.NewServeMux()
	for path, handle := range map[string]admission.HandlerFunc{"/validate": d.Validate, "/mutate": d.Mutate} {
		mux.Handle(path, &endpoint{
			webhook:  &admission.Webhook{Handler: handle},
			bodies:   bodies,
			deadline: deadline,
			metrics:  d.Metrics,
		})
	}
	return mux
}

// httpError is an error with the HTTP status that answers it.
type httpError struct {
	status  int
	problem string
}

func (e *httpError) Error() string { return e.problem }

func fail(status int, format string, args ...any) *httpError {
	return &httpError{status: status, problem: fmt.Sprintf(format, args...)}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), e.timeout(r))
	defer cancel()
	// The share of memory is kept until the answer is written: the object lives
	// that long.
	review, release, problem := e.read(ctx, w, r)
	defer release()
	if problem != nil {
		e.metrics.malformed(problem.status)
		w.Header().Set("Connection", "close")
		if problem.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		http.Error(w, problem.Error(), problem.status)
		return
	}
	response := e.webhook.Handle(ctx, admission.Request{AdmissionRequest: *review.Request})
	review.Request, review.Response = nil, &response.AdmissionResponse
	w.Header().Set("Content-Type", "application/json")
	// The client is gone when this fails; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(review)
	e.metrics.observe(r.URL.Path, time.Since(start))
}

// timeout is how long a decision may take: the API server says in the query how
// long it waits.
func (e *endpoint) timeout(r *http.Request) time.Duration {
	asked, err := time.ParseDuration(r.URL.Query().Get("timeout"))
	if err != nil || asked <= 0 {
		return e.deadline
	}
	return min(e.deadline, max(asked-answerMargin, asked/2))
}

// read reads an AdmissionReview with a request. Release gives back the memory
// reserved for it and is never nil.
func (e *endpoint) read(ctx context.Context, w http.ResponseWriter, r *http.Request) (review *admissionv1.AdmissionReview, release func(), problem *httpError) {
	release = func() {}
	if r.Method != http.MethodPost {
		return nil, release, fail(http.StatusMethodNotAllowed, "method %s: an AdmissionReview must be sent with POST", quote.Value(r.Method))
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return nil, release, fail(http.StatusUnsupportedMediaType, "content type %s must be application/json", quote.Value(r.Header.Get("Content-Type")))
	}
	if r.ContentLength > maxBody {
		return nil, release, tooLarge()
	}
	// A server that cannot set a deadline has none to set: in tests.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, release, problem := e.readBody(ctx, r)
	if problem != nil {
		return nil, release, problem
	}
	review = &admissionv1.AdmissionReview{}
	if err := json.Unmarshal(body, review); err != nil {
		return nil, release, fail(http.StatusBadRequest, "the body is not an AdmissionReview: %.200s", err)
	}
	switch {
	case review.Kind != "AdmissionReview" || review.APIVersion != admissionv1.SchemeGroupVersion.String():
		return nil, release, fail(http.StatusBadRequest, "the body is %s of %s and must be an AdmissionReview of admission.k8s.io/v1", quote.Value(review.Kind), quote.Value(review.APIVersion))
	case review.Request == nil:
		return nil, release, fail(http.StatusBadRequest, "the AdmissionReview has no request")
	case review.Request.UID == "":
		return nil, release, fail(http.StatusBadRequest, "the request of the AdmissionReview has no uid")
	case len(review.Request.UID) > maxUID:
		return nil, release, fail(http.StatusBadRequest, "the uid of the request has %d bytes and must have at most %d", len(review.Request.UID), maxUID)
	}
	return review, release, nil
}

func tooLarge() *httpError {
	return fail(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes, twice what an API server accepts for one object", maxBody)
}

// readBody reads a body within the limits. Release gives back its share of
// memory and is never nil.
func (e *endpoint) readBody(ctx context.Context, r *http.Request) (body []byte, release func(), problem *httpError) {
	release = func() {}
	size := r.ContentLength
	if size < 0 {
		size = maxBody // not said: as much as it may be
	}
	// A small body takes one allocation of the size that was announced. ReadFrom
	// wants room left at the end.
	read := bytes.NewBuffer(make([]byte, 0, min(size, smallBody)+bytes.MinRead))
	if _, err := read.ReadFrom(io.LimitReader(r.Body, smallBody)); err != nil {
		return nil, release, unread(err)
	}
	if read.Len() < smallBody {
		return read.Bytes(), release, nil
	}
	if err := e.bodies.Acquire(ctx, size); err != nil {
		return nil, release, fail(http.StatusServiceUnavailable, "too many large requests at once: try again")
	}
	release = func() { e.bodies.Release(size) }
	// It grows as the body arrives, not as it is announced.
	if _, err := read.ReadFrom(io.LimitReader(r.Body, maxBody-smallBody+1)); err != nil {
		return nil, release, unread(err)
	}
	if read.Len() > maxBody {
		return nil, release, tooLarge()
	}
	return read.Bytes(), release, nil
}

func unread(err error) *httpError {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fail(http.StatusRequestTimeout, "the body did not arrive within %s", bodyTimeout)
	}
	return fail(http.StatusBadRequest, "the body cannot be read: %.200s", err)
}
