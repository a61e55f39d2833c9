package webhook

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
)

const (
	// selfPath is where the server asks itself. Nobody else gets an answer there.
	selfPath = "/self"
	// selfReview asks about a pod without networks.
	selfReview = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"self","kind":{"group":"","version":"v1","kind":"Pod"},` +
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"default","operation":"CREATE",` +
		`"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"self"},"spec":{"containers":[]}}}}`
	// selfTimeout is below the five seconds of the readiness probe.
	selfTimeout = 3 * time.Second
	// selfInterval is how long what was found out is true, so that probes at a high rate
	// cost nothing.
	selfInterval = time.Second / 2
)

// selfCheck is what the server last found out about itself.
type selfCheck struct {
	mu                  sync.Mutex
	at                  time.Time
	certificate, answer error
}

// examine has the server call itself as an API server does, but for the way through the
// network, where it would have to compete with clients for a place: its own accept loop,
// handshake, handler and engine answer.
func (s *Server) examine() (certificate, answer error) {
	c := &s.self
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) >= selfInterval {
		c.certificate, c.answer = s.callSelf()
		c.at = time.Now()
	}
	return c.certificate, c.answer
}

func (s *Server) certificateServed() error {
	certificate, _ := s.examine()
	return certificate
}

func (s *Server) answersItself() error {
	_, answer := s.examine()
	return answer
}

func (s *Server) callSelf() (certificate, answer error) {
	current, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		err = fmt.Errorf("no certificate to serve yet: %w", err)
		return err, err
	}
	pipe := s.connections.dial()
	defer pipe.Close()
	if err := pipe.SetDeadline(time.Now().Add(selfTimeout)); err != nil {
		return err, err
	}
	// Compared byte by byte below, which is stricter than a verification.
	conn := tls.Client(pipe, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
	if err := conn.Handshake(); err != nil {
		err = fmt.Errorf("connect to the server itself: %w", err)
		return err, err
	}
	return s.rightCertificate(conn.ConnectionState(), current), ask(conn)
}

// rightCertificate compares what is served with what should be: the current certificate of
// before the handshake, or that of now, since it may have been renewed meanwhile. Whether it
// is valid is for those to say who know the API server's time.
func (s *Server) rightCertificate(state tls.ConnectionState, before *tls.Certificate) error {
	is := func(current *tls.Certificate) bool {
		served := state.PeerCertificates
		return len(served) > 0 && bytes.Equal(served[0].Raw, current.Certificate[0])
	}
	if is(before) {
		return nil
	}
	now, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		return fmt.Errorf("look up the current certificate again: %w", err)
	}
	if !is(now) {
		return errors.New("the certificate that is served is not the current one")
	}
	return nil
}

// ask sends an AdmissionReview, which any verdict answers. What the cluster or the
// configuration say of the pod does not matter.
func ask(conn *tls.Conn) error {
	request, err := http.NewRequest(http.MethodPost, "https://self"+selfPath+"?timeout="+selfTimeout.String(), strings.NewReader(selfReview))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if err := request.Write(conn); err != nil {
		return fmt.Errorf("send an AdmissionReview to the server itself: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return fmt.Errorf("read the server's own answer: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers its own AdmissionReview with status %d", response.StatusCode)
	}
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(response.Body).Decode(&review); err != nil {
		return fmt.Errorf("read the server's own answer: %w", err)
	}
	switch r := review.Response; {
	case r == nil || r.UID != "self":
		return errors.New("the server's own answer is not to the request that was sent")
	case !r.Allowed && (r.Result == nil || r.Result.Code == http.StatusInternalServerError):
		return errors.New("the server fails to judge a pod: the log says why")
	}
	return nil
}

// ownOnly passes the server's own requests.
func ownOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := connectionOf(r.Context()); c == nil || !c.own {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
