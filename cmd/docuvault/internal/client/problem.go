package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an error answer of the API (RFC 9457).
type Problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`

	// Of duplicate_document.
	DocumentID string `json:"document_id"`
	Filename   string `json:"filename"`
	Trashed    bool   `json:"trashed"`
	// Of quota_exceeded, in bytes.
	LimitBytes     int64 `json:"limit_bytes"`
	UsedBytes      int64 `json:"used_bytes"`
	ReservedBytes  int64 `json:"reserved_bytes"`
	RequestedBytes int64 `json:"requested_bytes"`
	// Of validation_failed.
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`

	// RetryAfter is how long to wait; zero when the server does not say.
	RetryAfter time.Duration `json:"-"`
}

// Error is for people.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = fmt.Sprintf("the server answered %d %s", p.Status, http.StatusText(p.Status))
	}
	for _, e := range p.Errors {
		text += fmt.Sprintf(" (%s: %s)", e.Location, e.Message)
	}
	if p.RequestID != "" && p.Status >= 500 {
		text += " (request " + p.RequestID + ")"
	}
	return text
}

// CodeOf returns the code of a problem in err's chain, or "".
func CodeOf(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 4 << 20

// problemOf reads an answer that is not a success.
func problemOf(res *http.Response) *Problem {
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if strings.HasSuffix(kind, "json") {
		body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err == nil && json.Unmarshal(body, p) == nil {
			var waits struct {
				RetryAfter float64 `json:"retry_after"`
			}
			if json.Unmarshal(body, &waits) == nil {
				p.RetryAfter = time.Duration(waits.RetryAfter * float64(time.Second))
			}
		}
	}
	p.Status = res.StatusCode
	if p.Code == "" && res.StatusCode >= 300 && res.StatusCode < 400 {
		p.Detail = fmt.Sprintf("The server sends us on to %s. Give that address with --url.", res.Header.Get("Location"))
	}
	if p.RetryAfter <= 0 {
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			p.RetryAfter = time.Duration(s) * time.Second
		}
	}
	return p
}
