package extract

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// maxHeader bounds the header of a message or part; net/mail itself does not.
const maxHeader = 1 << 20

// letter collects the parts of one message.
type letter struct {
	limits Limits
	plain  strings.Builder
	html   strings.Builder
	parts  int
	cut    bool
}

// extractEmail reads a message of RFC 5322: subject, sender, recipients, date,
// its text, and the text of attached messages. HTML counts where there is no
// plain text (multipart/alternative says the same twice). Attachments are
// named, not read.
func extractEmail(ctx context.Context, src *source, limits Limits) (Result, error) {
	r := bufio.NewReader(src)
	if line, err := r.Peek(5); err == nil && string(line) == "From " {
		// An mbox separator before the header.
		if _, err := r.ReadSlice('\n'); err != nil {
			return Result{}, fail(Broken, err)
		}
	}
	l := &letter{limits: limits}
	err := l.message(ctx, r, 0)
	if err != nil {
		return Result{}, err
	}
	text := l.plain.String()
	if l.html.Len() > 0 {
		text += "\n" + l.html.String()
	}
	return Result{Text: clean(text), Truncated: l.cut, Source: SourceEmail}, nil
}

func (l *letter) full() bool { return l.plain.Len()+l.html.Len() > l.limits.Text }

// message reads one message, and those attached to it.
func (l *letter) message(ctx context.Context, r io.Reader, depth int) error {
	header, body, err := readHeader(r)
	if err != nil {
		return err
	}
	m := &mail.Message{Header: header, Body: body}
	for _, name := range []string{"Subject", "From", "To", "Cc", "Date"} {
		if value := decodeWords(m.Header.Get(name)); value != "" {
			l.plain.WriteString(name + ": " + value + "\n")
		}
	}
	l.plain.WriteByte('\n')
	return l.part(ctx, m.Header.Get, m.Body, depth)
}

// readHeader bounds what net/mail reads as a header.
func readHeader(r io.Reader) (mail.Header, io.Reader, error) {
	limited := &io.LimitedReader{R: r, N: maxHeader}
	m, err := mail.ReadMessage(limited)
	if limited.N <= 0 {
		// net/mail takes a header that breaks off for a whole one.
		return nil, nil, fail(TooComplex, errors.New("the header has no end"))
	}
	if err != nil {
		return nil, nil, broken(err)
	}
	limited.N = 1 << 62 // the body is bounded by what is kept of it
	return m.Header, m.Body, nil
}

// broken is a Failure unless the context ended or storage failed, which the
// caller tells apart by them.
func broken(err error) error {
	if FailureCode(err) != "" {
		return err
	}
	return fail(Broken, err)
}

func (l *letter) part(ctx context.Context, header func(string) string, body io.Reader, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.parts++; l.parts > l.limits.Parts {
		return fail(TooComplex, errors.New("too many parts"))
	}
	if depth > l.limits.Depth {
		return fail(TooComplex, errors.New("parts nested too deep"))
	}
	if l.full() {
		l.cut = true
		return nil
	}
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil && kind == "" {
		kind = "text/plain" // RFC 2045, 5.2: what is missing or wrong is plain text
	}
	disposition, dispositionParams, _ := mime.ParseMediaType(header("Content-Disposition"))
	if disposition == "attachment" && kind != "message/rfc822" {
		name := dispositionParams["filename"]
		if name == "" {
			name = params["name"]
		}
		if name = decodeWords(name); name != "" {
			l.plain.WriteString("\n" + name + "\n")
		}
		return nil
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		return l.multipart(ctx, kind, params["boundary"], body, depth)
	case kind == "message/rfc822":
		return l.message(ctx, transferDecoded(header, body), depth+1)
	case kind == "text/html":
		raw, more, err := readBounded(transferDecoded(header, body), maxMarkup*l.limits.Text)
		if err != nil && len(raw) == 0 {
			return broken(err)
		}
		page, err := decodeCharset(params["charset"], raw)
		if err != nil {
			return broken(err)
		}
		text, cut, err := htmlText(ctx, page, l.limits.Text)
		if err != nil {
			return err
		}
		l.cut = l.cut || more || cut
		l.html.WriteString(text + "\n")
	case strings.HasPrefix(kind, "text/"):
		raw, more, err := readBounded(transferDecoded(header, body), l.limits.Text)
		if err != nil && len(raw) == 0 {
			return broken(err)
		}
		text, err := decodeCharset(params["charset"], raw)
		if err != nil {
			return broken(err)
		}
		l.cut = l.cut || more
		l.plain.WriteString(text + "\n")
	}
	return nil
}

func (l *letter) multipart(ctx context.Context, kind, boundary string, body io.Reader, depth int) error {
	if boundary == "" {
		return fail(Broken, errors.New("a multipart without a boundary"))
	}
	html := l.html.String()
	plainBefore := l.plain.Len()
	parts := multipart.NewReader(body, boundary)
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if n > 0 && ctx.Err() == nil {
				// The message was cut off; what came before it is good.
				l.cut = true
				break
			}
			return broken(err)
		}
		if err := l.part(ctx, part.Header.Get, part, depth+1); err != nil {
			return err
		}
	}
	if kind == "multipart/alternative" && strings.TrimSpace(l.plain.String()[plainBefore:]) != "" {
		l.html.Reset()
		l.html.WriteString(html)
	}
	return nil
}

// transferDecoded undoes the Content-Transfer-Encoding (RFC 2045, section 6).
func transferDecoded(header func(string) string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(header("Content-Transfer-Encoding"))) {
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, &lineless{r: body})
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	}
	return body
}

// lineless leaves out what base64 in a message may hold besides its alphabet.
type lineless struct{ r io.Reader }

func (l *lineless) Read(p []byte) (int, error) {
	for {
		n, err := l.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if c != ' ' && c != '\t' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil || len(p) == 0 {
			return kept, err
		}
	}
}

// decodeCharset goes by the declared charset where it is known, else guesses.
func decodeCharset(name string, raw []byte) (string, error) {
	if e := charset(name); e != nil {
		return decodeWith(e, raw)
	}
	return decode(raw)
}

func charset(name string) encoding.Encoding {
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "us-ascii") {
		return nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil
	}
	return e
}

// charsetReader decodes what a document says that it is written in; what nobody
// knows stays as it is.
func charsetReader(name string, r io.Reader) (io.Reader, error) {
	if e := charset(name); e != nil {
		return e.NewDecoder().Reader(r), nil
	}
	return r, nil
}

// decodeWords undoes the encoded words of RFC 2047; what is none stays as it is.
func decodeWords(value string) string {
	decoder := mime.WordDecoder{CharsetReader: charsetReader}
	if decoded, err := decoder.DecodeHeader(value); err == nil {
		value = decoded
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(value, "\uFFFD")), " ")
}
