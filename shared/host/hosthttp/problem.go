package hosthttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/fault"
)

// Problem is the one form of errors on the wire: application/problem+json (RFC
// 9457) with a stable code. Fields that a code promises are further members.
type Problem struct {
	Type      string      `json:"type,omitempty" format:"uri-reference" doc:"Left out, which means about:blank: the code says what happened."`
	Title     string      `json:"title" doc:"The status in words."`
	Status    int         `json:"status" doc:"The HTTP status." minimum:"400" maximum:"599"`
	Code      fault.Code  `json:"code" doc:"What happened, for programs. Codes are never renamed."`
	Detail    string      `json:"detail" doc:"What happened and what to do next, for people."`
	RequestID string      `json:"request_id" doc:"Finds the request in the log; also in the header X-Request-Id."`
	Errors    []Violation `json:"errors,omitempty" doc:"With validation_failed: what is wrong, and where."`

	fields map[string]any
}

// Violation is one thing that is wrong with a request. It never holds the value
// that was sent.
type Violation struct {
	Location string `json:"location" doc:"Where: body.items[3].name, path.id, query.limit."`
	Message  string `json:"message" doc:"What would be right."`
}

// Error makes a problem an error, for huma.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus tells huma the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// MarshalJSON adds the fields of the code; none of them can replace a member.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type members Problem
	own, err := json.Marshal((*members)(p))
	if err != nil || len(p.fields) == 0 {
		return own, err
	}
	all := make(map[string]json.RawMessage, len(p.fields)+8)
	for name, value := range p.fields {
		if all[name], err = json.Marshal(withoutNulls(value)); err != nil {
			return nil, fmt.Errorf("field %s of problem %s: %w", name, p.Code, err)
		}
	}
	if err := json.Unmarshal(own, &all); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// TransformSchema lists the codes in openapi.yaml.
func (p *Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, code := range fault.Codes() {
		s.Properties["code"].Enum = append(s.Properties["code"].Enum, string(code))
	}
	s.Description = "An error (RFC 9457). Fields that a code promises are further members."
	s.AdditionalProperties = true
	return s
}

// problemOf turns an error into what the client sees.
func problemOf(err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		copied := *ready
		return &copied
	}
	f := fault.From(err)
	status := f.Code().Status()
	return &Problem{
		Title: http.StatusText(status), Status: status,
		Code: f.Code(), Detail: f.Detail(), fields: f.Fields(),
	}
}

// finish adds what only the request knows, and the headers that go with some
// codes.
func (p *Problem) finish(ctx huma.Context) {
	p.RequestID = RequestID(ctx.Context())
	for name, value := range p.headers() {
		ctx.SetHeader(name, value)
	}
}

// headers are those that a status demands: WWW-Authenticate (RFC 6750 section
// 3) and Retry-After (RFC 6585 section 4), from the field "retry_after" in
// seconds.
func (p *Problem) headers() map[string]string {
	switch p.Code {
	case fault.Unauthenticated:
		return map[string]string{"WWW-Authenticate": "Bearer"}
	case fault.TokenExpired, fault.SessionRevoked:
		return map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`}
	case fault.RateLimited, fault.Unavailable:
		if after, ok := p.fields["retry_after"]; ok {
			return map[string]string{"Retry-After": fmt.Sprint(after)}
		}
	}
	return nil
}

// Refuse answers err from a middleware, in place of calling next.
func Refuse(ctx huma.Context, err error) {
	p := toProblem(ctx.Context(), err)
	p.finish(ctx)
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	writeProblem(ctx.BodyWriter(), p)
}

// refuse is Refuse below huma.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := toProblem(r.Context(), err)
	p.RequestID = RequestID(r.Context())
	for name, value := range p.headers() {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	writeProblem(w, p)
}

func writeProblem(w interface{ Write([]byte) (int, error) }, p *Problem) {
	out, err := encode(p)
	if err != nil {
		// Only a field that cannot be encoded gets here; the code still counts.
		bare := *p
		bare.fields = nil
		out, _ = encode(&bare)
	}
	_, _ = w.Write(out) // a client that hung up
}

// ProblemOf is the problem that an operation on many things puts into its answer
// for one of them; its cause is for the log line.
func ProblemOf(ctx context.Context, err error) *Problem {
	p := toProblem(ctx, err)
	p.RequestID = RequestID(ctx)
	return p
}

// toProblem turns an error into a problem and notes the cause for the log line.
func toProblem(ctx context.Context, err error) *Problem {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil && fault.CodeOf(err) == fault.Internal {
		err = fault.New(fault.DeadlineExceeded, "This took too long. Try again.").Because(err)
	}
	p := problemOf(err)
	if c := callOf(ctx); c != nil {
		c.code, c.cause = p.Code, err
	}
	return p
}

// newErrorWithContext is how huma makes every error that has a request: its
// own, and those that a handler returned.
func newErrorWithContext(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
	return toProblem(ctx.Context(), classify(status, message, errs))
}

// newError is how huma.Error404NotFound and its like make errors.
func newError(status int, message string, errs ...error) huma.StatusError {
	return problemOf(classify(status, message, errs))
}

// classify turns what huma says into a fault, or into a problem with the list
// of violations.
func classify(status int, message string, errs []error) error {
	for _, err := range errs {
		var f *fault.Error
		if errors.As(err, &f) {
			return err
		}
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
	}
	switch code := fault.OfStatus(status); code {
	case fault.Internal:
		return fault.From(errors.Join(append([]error{errors.New(message)}, errs...)...))
	case fault.PayloadTooLarge:
		return fault.New(code, "The request body is too large.").Because(errors.New(message))
	case fault.UnsupportedMedia:
		return fault.New(code, "Send the body as application/json.")
	case fault.DeadlineExceeded:
		return fault.New(code, "The request body took too long to arrive. Try again.")
	case fault.ValidationFailed:
		return invalid(message, errs)
	default:
		return fault.New(code, sentence(message))
	}
}

func invalid(message string, errs []error) *Problem {
	status := fault.ValidationFailed.Status()
	p := &Problem{
		Title: http.StatusText(status), Status: status, Code: fault.ValidationFailed,
		Detail: "The request is not valid.",
	}
	if len(errs) == 0 && message != "" {
		p.Detail = sentence(message)
	}
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		if !errors.As(err, &detailer) {
			// The text of an unknown error may quote what was sent.
			p.Errors = append(p.Errors, Violation{Location: "body", Message: "not valid"})
			continue
		}
		d := detailer.ErrorDetail()
		p.Errors = append(p.Errors, Violation{Location: cleanLocation(d.Location), Message: cleanMessage(d)})
	}
	return p
}

// Invalid makes the fault of one thing that is wrong with a request and that a
// schema cannot express: where ("body.size"), and what would be right.
func Invalid(location, message string) error {
	return invalid("", []error{&huma.ErrorDetail{Location: location, Message: message}})
}

// segment is a member's name that may be repeated to the client. Anything else
// in a location was made up by the sender, and may be anything.
var segment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,39}(\[[0-9]{1,6}\])*$`)

func cleanLocation(location string) string {
	parts := strings.Split(location, ".")
	for i, part := range parts {
		if !segment.MatchString(part) {
			parts[i] = "?"
		}
	}
	return strings.Join(parts, ".")
}

// cleanMessage drops what a parser quoted: the text after "invalid value", and
// any message that holds the value itself.
func cleanMessage(d *huma.ErrorDetail) string {
	message := d.Message
	if strings.HasPrefix(message, "invalid value: ") {
		message = "a value that does not have the expected form"
	}
	if value, ok := d.Value.(string); ok && len(value) > 2 && strings.Contains(message, value) {
		message = "a value that is not allowed here"
	}
	return message
}

// sentence makes huma's short messages look like ours.
func sentence(s string) string {
	if s == "" {
		return "The request cannot be answered."
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}

// Fields returns the members that the code adds: for tests and clients in Go.
func (p *Problem) Fields() map[string]any { return maps.Clone(p.fields) }
