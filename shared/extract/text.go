package extract

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// readBounded reads at most limit bytes and says whether there was more. With
// an error it returns what came before.
func readBounded(r io.Reader, limit int) (content []byte, more bool, err error) {
	content, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(content) > limit {
		return content[:limit], true, err
	}
	return content, false, err
}

// sourceText reads as much of a text file as can matter. Two bytes of UTF-16
// make at least one of UTF-8, so twice the limit is enough.
func sourceText(src *source, limits Limits) (string, bool, error) {
	raw, more, err := readBounded(src, 2*limits.Text+4)
	if err != nil {
		return "", false, err
	}
	text, err := decode(raw)
	if err != nil {
		return "", false, err
	}
	return text, more, nil
}

// extractText reads plain text and Markdown, whose marks stay: they are words
// to their author and no letters to the index.
func extractText(_ context.Context, src *source, limits Limits) (Result, error) {
	text, more, err := sourceText(src, limits)
	if err != nil {
		return Result{}, err
	}
	return Result{Text: clean(text), Truncated: more, Source: SourceText}, nil
}

// extractCSV makes one line a record, cells apart by tabs. What is no valid
// CSV is kept as the text that it is.
func extractCSV(ctx context.Context, src *source, limits Limits) (Result, error) {
	text, more, err := sourceText(src, limits)
	if err != nil {
		return Result{}, err
	}
	result := Result{Text: clean(text), Truncated: more, Source: SourceCSV}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separator(text)
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	r.ReuseRecord = true
	var out strings.Builder
	for {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return result, nil
		}
		for i, cell := range record {
			if i > 0 {
				out.WriteByte('\t')
			}
			out.WriteString(strings.TrimSpace(cell))
		}
		out.WriteByte('\n')
	}
	result.Text = clean(out.String())
	return result, nil
}

// separator is the most frequent of ; , and tab in the first line.
func separator(text string) rune {
	line, _, _ := strings.Cut(text, "\n")
	best, count := ',', 0
	for _, c := range []rune{',', ';', '\t'} {
		if n := strings.Count(line, string(c)); n > count {
			best, count = c, n
		}
	}
	return best
}

// decode makes UTF-8 of text whose encoding nobody announced: by its byte
// order mark, else UTF-8 if it is valid, else UTF-16 if every other byte is
// zero, else windows-1252, which has a character for almost every byte.
func decode(raw []byte) (string, error) {
	switch {
	case bytes.HasPrefix(raw, []byte{0xEF, 0xBB, 0xBF}):
		return string(raw[3:]), nil
	case bytes.HasPrefix(raw, []byte{0xFF, 0xFE}):
		return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), raw[2:])
	case bytes.HasPrefix(raw, []byte{0xFE, 0xFF}):
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), raw[2:])
	case validButForTheEnd(raw) && bytes.IndexByte(raw, 0) < 0:
		return string(raw), nil
	}
	if odd, even := zeros(raw); odd+even > 0 {
		half := len(raw) / 2
		switch {
		case odd > half/2 && even < half/20:
			return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), raw)
		case even > half/2 && odd < half/20:
			return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), raw)
		}
		return string(raw), nil // binary; clean takes the controls out
	}
	return decodeWith(charmap.Windows1252, raw)
}

func decodeWith(e encoding.Encoding, raw []byte) (string, error) {
	text, err := e.NewDecoder().Bytes(raw)
	return string(text), err
}

// validButForTheEnd reports whether raw is UTF-8, perhaps cut inside its last
// character.
func validButForTheEnd(raw []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(raw); cut++ {
		if utf8.Valid(raw[:len(raw)-cut]) {
			return true
		}
	}
	return false
}

func zeros(raw []byte) (odd, even int) {
	for i, c := range raw[:min(len(raw), 4096)] {
		if c != 0 {
			continue
		}
		if i%2 == 1 {
			odd++
		} else {
			even++
		}
	}
	scale := max(1, len(raw)/4096)
	return odd * scale, even * scale
}

// clean makes lines end in \n and takes out control characters, which neither
// the database nor a terminal wants. PDFium marks a hyphen at a line's end
// with U+FFFE (or U+0002); it becomes a soft hyphen, which joins in the index.
func clean(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\f':
			return r
		case r == '\r' || r == '\v' || r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\uFFFE' || r == '\u0002':
			return '\u00AD'
		case r < ' ' || r >= 0x7F && r < 0xA0 || r == '\uFEFF' || r == '\uFFFF':
			return -1
		}
		return r
	}, text)
}
