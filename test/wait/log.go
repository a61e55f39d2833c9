package wait

import (
	"io"
	"strings"
	"sync"
)

// Log keeps what is written to it. It may be read meanwhile.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
	copy io.Writer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p) // never fails
	if l.copy == nil {
		return len(p), nil
	}
	return l.copy.Write(p)
}

// CopyTo writes to w what has been written so far, and what is written from now on.
func (l *Log) CopyTo(w io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copy = w
	_, err := io.WriteString(w, l.text.String())
	return err
}

// String is all that has been written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
