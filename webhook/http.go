package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

const (
	// maxBody is how large a request may be. kube-apiserver accepts objects of
	// up to 3 MiB; an AdmissionReview carries at most two of them, the new and
	// the old one, and less than 1 MiB of its own: 7 MiB.
	maxBody = 7 << 20
	// bodyTimeout is how long a client may take to send its body. The API
	// server has it in memory.
	bodyTimeout = 3 * time.Second
	// maxUID is far above the 36 bytes of a UUID. The UID is logged.
	maxUID = 128
	// answerTimeout is how long a client may take to read its answer. The API server
	// waits for it.
	answerTimeout = 3 * time.Second
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
	gates   *gates
	// deadline bounds the time for one decision where the API server names no
	// timeout, or a longer one.
	deadline time.Duration
	metrics  *Metrics
}

// Handler serves /validate and /mutate. A decision takes at most the deadline,
// and at least a second less than the timeout that the API server asks for.
//
// Every answer but one to an AdmissionReview closes its connection.
func (d *Decider) Handler(deadline time.Duration) http.Handler {
	judging := *d
	judging.Inventory = patient{d.Inventory}
	if d.Workloads != nil {
		judging.Workloads = patientWorkloads{d.Workloads}
	}
	// What the server asks itself is neither counted nor logged.
	asking := judging
	asking.Metrics, asking.Logger = newMetrics(), slog.New(slog.DiscardHandler)
	gates := newGates()
	mux := http.NewServeMux()
	for path, handle := range map[string]admission.HandlerFunc{"/validate": judging.Validate, "/mutate": judging.Mutate} {
		mux.Handle(path, &endpoint{webhook: &admission.Webhook{Handler: handle}, gates: gates, deadline: deadline, metrics: judging.Metrics})
	}
	mux.Handle(selfPath, ownOnly(&endpoint{webhook: &admission.Webhook{Handler: admission.HandlerFunc(asking.Validate)}, gates: gates, deadline: deadline, metrics: asking.Metrics}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		mux.ServeHTTP(w, r)
	})
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
	decision := e.timeout(r)
	ctx, cancel := context.WithTimeout(r.Context(), decision)
	defer cancel()
	who, connection := newGuest(hostOf(r.RemoteAddr), start, decision), connectionOf(ctx)
	answer, problem := e.answer(ctx, w, r, who)
	if problem == nil && len(answer) > smallAnswer {
		if size := int64(len(answer)); e.gates.answers.try(who.host, size) {
			defer e.gates.answers.leave(who.host, size)
		} else {
			problem = overloaded()
		}
	}
	// A server that cannot set a deadline has none to set: in tests.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	if problem != nil {
		if problem.status == http.StatusServiceUnavailable {
			e.metrics.overload()
			if connection.keep(false) {
				w.Header().Del("Connection")
			}
		} else {
			e.metrics.malformed(problem.status)
		}
		if problem.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		http.Error(w, problem.Error(), problem.status)
		return
	}
	if connection.keep(true) {
		w.Header().Del("Connection")
	}
	w.Header().Set("Content-Type", "application/json")
	// The client is gone when this fails, or does not read; nobody is left to tell.
	if _, err := w.Write(answer); err != nil {
		connection.abandon()
	}
	e.metrics.observe(r.URL.Path, time.Since(start))
}

// answer reads a request, judges it, and encodes what there is to say. What it needs for
// that is given back when it returns: all that is left is the answer.
func (e *endpoint) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, who guest) ([]byte, *httpError) {
	body, release, problem := e.read(ctx, w, r, who)
	defer release()
	if problem != nil {
		return nil, problem
	}
	connectionOf(ctx).begin()
	place, problem := e.gates.enter(ctx, who, len(body))
	if problem != nil {
		return nil, problem
	}
	defer place.leave()
	review, problem := decode(body)
	if problem != nil {
		return nil, problem
	}
	response := e.webhook.Handle(context.WithValue(ctx, placeKey{}, place), admission.Request{AdmissionRequest: *review.Request})
	review.Request, review.Response = nil, &response.AdmissionResponse
	answer, err := json.Marshal(review)
	if err != nil {
		return nil, fail(http.StatusInternalServerError, "the answer cannot be encoded: %.200s", err)
	}
	return answer, nil
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

// read reads the body of a request that may be an AdmissionReview. Release gives back the
// memory reserved for it and is never nil.
func (e *endpoint) read(ctx context.Context, w http.ResponseWriter, r *http.Request, who guest) (body []byte, release func(), problem *httpError) {
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
	return e.readBody(ctx, w, r, who)
}

// decode decodes an AdmissionReview with a request.
func decode(body []byte) (*admissionv1.AdmissionReview, *httpError) {
	review := &admissionv1.AdmissionReview{}
	if err := json.Unmarshal(body, review); err != nil {
		return nil, fail(http.StatusBadRequest, "the body is not an AdmissionReview: %.200s", err)
	}
	switch {
	case review.Kind != "AdmissionReview" || review.APIVersion != admissionv1.SchemeGroupVersion.String():
		return nil, fail(http.StatusBadRequest, "the body is %s of %s and must be an AdmissionReview of admission.k8s.io/v1", quote.Value(review.Kind), quote.Value(review.APIVersion))
	case review.Request == nil:
		return nil, fail(http.StatusBadRequest, "the AdmissionReview has no request")
	case review.Request.UID == "":
		return nil, fail(http.StatusBadRequest, "the request of the AdmissionReview has no uid")
	case len(review.Request.UID) > maxUID:
		return nil, fail(http.StatusBadRequest, "the uid of the request has %d bytes and must have at most %d", len(review.Request.UID), maxUID)
	}
	return review, nil
}

func tooLarge() *httpError {
	return fail(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes, twice what an API server accepts for one object", maxBody)
}

// readBody reads a body within the limits. Release gives back its share of
// memory and is never nil.
func (e *endpoint) readBody(ctx context.Context, w http.ResponseWriter, r *http.Request, who guest) (body []byte, release func(), problem *httpError) {
	release = func() {}
	size := r.ContentLength
	if size < 0 {
		size = maxBody // not said: as much as it may be
	}
	// A small body takes one allocation of the size that was announced. ReadFrom
	// wants room left at the end.
	read := bytes.NewBuffer(make([]byte, 0, min(size, smallBody)+bytes.MinRead))
	expectBody(w)
	if _, err := read.ReadFrom(io.LimitReader(r.Body, smallBody)); err != nil {
		return nil, release, unread(err)
	}
	if read.Len() < smallBody {
		return read.Bytes(), release, nil
	}
	connectionOf(ctx).begin()
	if problem := queue(ctx, e.gates.bodies, who, size); problem != nil {
		return nil, release, problem
	}
	release = func() { e.gates.bodies.leave(who.host, size) }
	expectBody(w) // the client has waited for the server
	// It grows as the body arrives, not as it is announced.
	if _, err := read.ReadFrom(io.LimitReader(r.Body, maxBody-smallBody+1)); err != nil {
		return nil, release, unread(err)
	}
	if read.Len() > maxBody {
		return nil, release, tooLarge()
	}
	return read.Bytes(), release, nil
}

// expectBody has reading end when the client takes too long from now on. A server that cannot
// set a deadline has none to set: in tests.
func expectBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
}

func unread(err error) *httpError {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fail(http.StatusRequestTimeout, "the body did not arrive within %s", bodyTimeout)
	}
	return fail(http.StatusBadRequest, "the body cannot be read: %.200s", err)
}
