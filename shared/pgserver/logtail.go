package pgserver

import (
	"io"
	"strings"
	"sync"
)

// logTail passes the server's log on and keeps its end, for error messages.
type logTail struct {
	mu   sync.Mutex
	next io.Writer
	tail []byte
}

const tailSize = 4096

func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if extra := len(l.tail) - tailSize; extra > 0 {
		l.tail = append(l.tail[:0], l.tail[extra:]...)
	}
	if l.next != nil {
		// A log that cannot be written must not stop the server.
		_, _ = l.next.Write(p)
	}
	return len(p), nil
}

// String returns the last lines, or says that there are none.
func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text := strings.TrimSpace(string(l.tail)); text != "" {
		return text
	}
	return "(it said nothing)"
}

func (l *logTail) contains(s string) bool { return strings.Contains(l.String(), s) }

func (l *logTail) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = nil
}
