package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errChanged says that a file is not what it was when it was hashed.
var errChanged = errors.New("the file changed while it was being sent")

// state is what tells whether a file changed: what the system says without
// reading it.
type state struct {
	size     int64
	modified time.Time
}

func stateOf(f *os.File) (state, error) {
	info, err := f.Stat()
	if err != nil {
		return state{}, err
	}
	return state{info.Size(), info.ModTime()}, nil
}

// fingerprint is a file as it was when it was read.
type fingerprint struct {
	state
	sha256      string // hexadecimal
	contentType string
	blocks      []string // hashes of each hashedPart bytes of a large file
}

// hashedPart is the size of parts that servers ask for, so that a file is hashed
// whole and in parts while it is read once. A server that wants other parts costs
// another reading.
const hashedPart = 16 << 20

// hashBlocksAbove is the size in bytes above which a file is worth that.
const hashBlocksAbove = 64 << 20

// hashFile reads a file once, through buf. It returns errChanged when the file
// changed while it was read.
func hashFile(ctx context.Context, name string, buf []byte) (fingerprint, error) {
	f, err := os.Open(name)
	if err != nil {
		return fingerprint{}, err
	}
	defer func() { _ = f.Close() }()
	before, err := stateOf(f)
	if err != nil {
		return fingerprint{}, err
	}
	print := fingerprint{state: before}
	h := sha256.New()
	var cut *blocks
	if before.size > hashBlocksAbove {
		cut = &blocks{h: sha256.New()}
	}
	var read int64
	for {
		if ctx.Err() != nil {
			return fingerprint{}, context.Cause(ctx)
		}
		n, err := f.Read(buf)
		if read == 0 {
			print.contentType = mediaType(name, buf[:min(n, 512)])
		}
		read += int64(n)
		_, _ = h.Write(buf[:n])
		cut.write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return fingerprint{}, fmt.Errorf("read: %w", err)
		}
	}
	after, err := stateOf(f)
	if err != nil {
		return fingerprint{}, err
	}
	if after != before || read != before.size {
		return fingerprint{}, errChanged
	}
	print.sha256 = hex.EncodeToString(h.Sum(nil))
	print.blocks = cut.sums()
	return print, nil
}

// blocks hashes a stream in pieces of hashedPart; nil does nothing.
type blocks struct {
	h    hash.Hash
	in   int // bytes in h
	done []string
}

func (b *blocks) write(p []byte) {
	for b != nil && len(p) > 0 {
		n := min(len(p), hashedPart-b.in)
		_, _ = b.h.Write(p[:n])
		p = p[n:]
		if b.in += n; b.in == hashedPart {
			b.done, b.in = append(b.done, hex.EncodeToString(b.h.Sum(nil))), 0
			b.h.Reset()
		}
	}
}

func (b *blocks) sums() []string {
	if b != nil && b.in > 0 {
		b.done = append(b.done, hex.EncodeToString(b.h.Sum(nil)))
		b.in = 0
	}
	if b == nil {
		return nil
	}
	return b.done
}

// byExtension are the types of what people keep. The system's own table differs
// from machine to machine, so it comes second.
var byExtension = map[string]string{
	".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".markdown": "text/markdown",
	".html": "text/html", ".htm": "text/html", ".csv": "text/csv", ".eml": "message/rfc822",
	".xml": "application/xml", ".json": "application/json", ".rtf": "application/rtf",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".tif": "image/tiff", ".tiff": "image/tiff", ".heic": "image/heic", ".heif": "image/heif", ".svg": "image/svg+xml",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".odt":  "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".odp": "application/vnd.oasis.opendocument.presentation", ".epub": "application/epub+zip", ".zip": "application/zip",
}

// mediaType is the type to announce: by the name, else by the first bytes. The
// server looks at the bytes itself, and serves by what it finds.
func mediaType(name string, head []byte) string {
	ext := strings.ToLower(filepath.Ext(name))
	if t, ok := byExtension[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	if len(head) == 0 {
		return "application/octet-stream"
	}
	return http.DetectContentType(head)
}
